"""Parts of the training step: data set, split, baselines, boosting, scores, gate. Nothing heavy here."""
