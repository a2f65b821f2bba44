"""Pretrained weights made from nothing: generated microscopy, random labelling tasks, a trunk for few clicks.

`python -m clicktrain.pretrain NAME.safetensors` makes them again.
"""
