"""What a run made, told to a person."""
