"""What a front-end may ask and see."""
