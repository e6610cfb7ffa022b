"""The planner's recipe: requests with gold plans, tokenizer, training."""
