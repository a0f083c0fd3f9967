// The loss with its gradient, for training.
const GRADIENT = true;
