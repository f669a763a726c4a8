using System.Globalization;
using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// The learning rates of the layer groups of a model, from the input to the output. A number is the same rate
/// for all: <c>learn.Fit(3, 1e-3)</c>.
/// </summary>
public readonly struct LearningRates
{
    private readonly double[] _ends;
    private readonly bool _isSlice;

    private LearningRates(double[] ends, bool isSlice) => (_ends, _isSlice) = (ends, isSlice);

    /// <summary>The same rate for all layer groups.</summary>
    /// <param name="rate">The rate.</param>
    public static implicit operator LearningRates(double rate) => new([rate], false);

    /// <summary>A rate for each layer group.</summary>
    /// <param name="rates">From the first group to the last.</param>
    public static implicit operator LearningRates(double[] rates) => new(rates, false);

    /// <summary>fastai's <c>slice(last)</c>: this rate for the last group, a tenth of it for the others.</summary>
    /// <param name="last">The rate of the last group.</param>
    public static LearningRates Slice(double last) => new([last], true);

    /// <summary>fastai's <c>slice(first, last)</c>: from the first group to the last by equal factors.</summary>
    /// <param name="first">The rate of the first group, above 0.</param>
    /// <param name="last">The rate of the last group.</param>
    public static LearningRates Slice(double first, double last) => new([first, last], true);

    /// <summary>The rate of each of some groups.</summary>
    /// <param name="groups">How many layer groups there are.</param>
    /// <exception cref="OptionException">A rate is negative or not a number, or there is another number of rates.</exception>
    public IReadOnlyList<double> For(int groups)
    {
        var ends = _ends ?? [0.0];

        if (ends.FirstOrDefault(rate => !double.IsFinite(rate) || rate < 0, 0.0) is var bad && bad != 0.0)
        {
            throw new OptionException(
                string.Create(CultureInfo.InvariantCulture, $"lr: {bad} is not possible; it is 0 or more"));
        }

        return (_isSlice, ends) switch
        {
            (true, [var last]) => [.. Enumerable.Repeat(last / 10, groups - 1), last],
            (true, [var first, var last]) => Geometric(first, last, groups),
            (_, [var one]) => [.. Enumerable.Repeat(one, groups)],
            (_, var several) when several.Length == groups => several,
            (_, var several) => throw new OptionException($"lr: {several.Length} rates for {groups} layer groups"),
        };
    }

    private static IReadOnlyList<double> Geometric(double first, double last, int groups)
    {
        if (first <= 0)
        {
            throw new OptionException("lr: a slice from one rate to another begins above 0");
        }

        var between = ScheduleModule.exponential(first, last);
        return groups == 1
            ? [last]
            : [.. Enumerable.Range(0, groups).Select(i => between.Invoke((double)i / (groups - 1)))];
    }
}
