namespace FunctionalDL;

/// <summary>What a <see cref="TabularLearner"/> predicts for one row.</summary>
/// <param name="Decoded">The name of the class; or the number as text, undone from its logarithm where that was learned.</param>
/// <param name="Index">The number of the class; -1 for numbers.</param>
/// <param name="Values">The probability of each class; or the numbers, undone from their logarithms.</param>
/// <param name="Output">The network's output, as <see cref="Learner.Predict(Tensor[])"/> gives it.</param>
public sealed record TabularPrediction(string Decoded, int Index, IReadOnlyList<double> Values, Tensor Output)
{
    /// <summary>The number that is predicted, or the probability of the class.</summary>
    public double Value => Values[Math.Max(Index, 0)];

    /// <summary>What is predicted, in words.</summary>
    public override string ToString() => Decoded;
}
