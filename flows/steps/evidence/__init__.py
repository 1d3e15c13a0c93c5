"""What is known of each hypothesis: looks and their budget, frozen candidates, unseen days."""
