"""What should be so, as a plain model in memory, and the walks that compare the product with it step by step."""
