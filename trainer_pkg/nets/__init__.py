"""One file per family of networks. A backbone maps images (B, C, H, W) to features (B, F) and knows F."""
