"""Arm's Ethos-U: what it takes, the program that Vela makes of a network, and what that costs."""
