namespace FunctionalDL;

/// <summary>
/// Gives hyper-parameters values that are functions of how much of the fit is done, from 0 before the first
/// batch to 1 after the last. <see cref="Schedules"/> has the usual functions.
/// </summary>
/// <param name="schedules">
/// By name (<c>lr</c>, <c>momentum</c>, …): one function for all layer groups, or one for each.
/// </param>
/// <example><c>new ParameterScheduler([("lr", [Schedules.Cosine(0.1, 0)])])</c></example>
public sealed class ParameterScheduler(IReadOnlyList<(string Name, IReadOnlyList<Func<double, double>> Functions)> schedules)
    : Callback
{
    /// <summary>A schedule of one hyper-parameter for all layer groups.</summary>
    /// <param name="name">The hyper-parameter: <c>lr</c>, <c>momentum</c>, ….</param>
    /// <param name="schedule">Its value as a function of progress.</param>
    public ParameterScheduler(string name, Func<double, double> schedule)
        : this([(name, [schedule])])
    {
    }

    /// <inheritdoc/>
    internal override bool SeesModel => false;

    /// <inheritdoc/>
    public override Decision BeforeFit(FitContext fit)
    {
        // A wrong name is told before anything is trained.
        Set(fit);
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision BeforeBatch(FitContext fit)
    {
        if (fit.IsTraining)
        {
            Set(fit);
        }

        return Decision.Continue;
    }

    private void Set(FitContext fit)
    {
        foreach (var (name, functions) in schedules)
        {
            fit.SetHyper(name, [.. functions.Select(f => f(fit.Progress))]);
        }
    }
}
