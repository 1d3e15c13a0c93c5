"""What must hold before real money is traded."""
