"""Settings of networks and trainings, and what a trained model says about itself: frozen values, checked when made."""

from __future__ import annotations

from clicktrain.config.classes import PALETTE, ClassInfo, default_class
from clicktrain.config.pixels import (
    DeviceName,
    NetworkConfig,
    PostprocessConfig,
    Preset,
    PresetName,
    SettingsName,
    TrainingConfig,
    preset,
)

__all__ = [
    "PALETTE",
    "ClassInfo",
    "DeviceName",
    "NetworkConfig",
    "PostprocessConfig",
    "Preset",
    "PresetName",
    "SettingsName",
    "TrainingConfig",
    "default_class",
    "preset",
]
