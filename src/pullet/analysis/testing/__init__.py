"""What results of tests mean: pure."""
