"""What the administrator wants: the model, its file, its checks, its compilation to SPD and PAD."""
