namespace FunctionalDL;

/// <summary>What an epoch gave: a row of the table that <see cref="Learner.Fit"/> prints.</summary>
/// <param name="Epoch">Its number within the fit, from 0.</param>
/// <param name="TrainLoss">
/// The mean loss over the items trained on, each as its batch's parameters were.
/// </param>
/// <param name="Valid">Loss and metrics over the validation part, after the epoch.</param>
/// <param name="Time">How long it took.</param>
public sealed record EpochResult(int Epoch, double TrainLoss, Evaluation Valid, TimeSpan Time);
