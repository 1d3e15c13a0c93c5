"""Parts of the training step: data set, split, boosting, scores, gate. Nothing heavy here."""
