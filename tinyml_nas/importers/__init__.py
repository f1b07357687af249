"""Networks that the user brings along: an ONNX file, or a PyTorch module in a file of his."""
