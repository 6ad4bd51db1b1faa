"""Engines that look for what is unsafe, each in the sandbox with limits of time and memory."""
