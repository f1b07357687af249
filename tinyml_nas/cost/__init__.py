"""What the generated C, or an accelerator, will need for a network, before anything is built."""
