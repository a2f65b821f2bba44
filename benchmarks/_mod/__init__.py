"""Parts of the Mixture-of-Depths benchmark."""
