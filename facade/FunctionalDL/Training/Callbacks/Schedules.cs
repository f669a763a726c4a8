using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Hyper-parameters as functions of how much of a fit is done, 0 to 1, for <see cref="ParameterScheduler"/>.
/// </summary>
public static class Schedules
{
    /// <summary>Always the same value.</summary>
    /// <param name="value">The value.</param>
    public static Func<double, double> Constant(double value) => progress => ScheduleModule.constant(value, progress);

    /// <summary>From one value to another along a line.</summary>
    /// <param name="first">The value at 0.</param>
    /// <param name="last">The value at 1.</param>
    public static Func<double, double> Linear(double first, double last) => progress => ScheduleModule.linear(first, last, progress);

    /// <summary>From one value to another along half a wave of the cosine.</summary>
    /// <param name="first">The value at 0.</param>
    /// <param name="last">The value at 1.</param>
    public static Func<double, double> Cosine(double first, double last) => progress => ScheduleModule.cosine(first, last, progress);

    /// <summary>From one value to another by equal factors.</summary>
    /// <param name="first">The value at 0, above 0.</param>
    /// <param name="last">The value at 1, above 0.</param>
    /// <exception cref="OptionException">A value is not above 0.</exception>
    public static Func<double, double> Exponential(double first, double last) =>
        ScheduleModule.exponential(first, last).Invoke;

    /// <summary><c>last + (first - last) · (1 - progress) ^ degree</c>.</summary>
    /// <param name="degree">The degree, above 0.</param>
    /// <param name="first">The value at 0.</param>
    /// <param name="last">The value at 1.</param>
    /// <exception cref="OptionException">The degree is not above 0.</exception>
    public static Func<double, double> Polynomial(double degree, double first, double last) =>
        ScheduleModule.polynomial(degree, first, last).Invoke;

    /// <summary>Schedules one after the other.</summary>
    /// <param name="parts">The share of each, which sum to 1, and the schedule, seen from its own 0 to 1.</param>
    /// <exception cref="OptionException">The shares are not above 0 or do not sum to 1.</exception>
    public static Func<double, double> Combine(params IReadOnlyList<(double Share, Func<double, double> Schedule)> parts) =>
        ScheduleModule.combine(Fs.List(parts.Select(part => Tuple.Create(part.Share, Fs.Function(part.Schedule))))).Invoke;
}
