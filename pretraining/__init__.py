"""Pretrained weights made from nothing: generated microscopy, random labelling tasks, a trunk for few clicks.

`python -m pretraining NAME.safetensors`, in a clone of the repository, makes them again.
"""
