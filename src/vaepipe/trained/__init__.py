"""What a trained model does with the user's images: encode, reconstruct, sample, ..."""
