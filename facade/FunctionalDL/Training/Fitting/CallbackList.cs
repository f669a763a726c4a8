namespace FunctionalDL.Fitting;

/// <summary>The callbacks of one fit, in order, and who listens to which event.</summary>
internal sealed class CallbackList
{
    private static readonly IReadOnlyDictionary<FitEvent, Func<Callback, FitContext, Decision>> Calls =
        new Dictionary<FitEvent, Func<Callback, FitContext, Decision>>
        {
            [FitEvent.BeforeFit] = (c, fit) => c.BeforeFit(fit),
            [FitEvent.BeforeEpoch] = (c, fit) => c.BeforeEpoch(fit),
            [FitEvent.BeforeTrain] = (c, fit) => c.BeforeTrain(fit),
            [FitEvent.BeforeBatch] = (c, fit) => c.BeforeBatch(fit),
            [FitEvent.AfterPred] = (c, fit) => c.AfterPred(fit),
            [FitEvent.AfterLoss] = (c, fit) => c.AfterLoss(fit),
            [FitEvent.BeforeBackward] = (c, fit) => c.BeforeBackward(fit),
            [FitEvent.AfterBackward] = (c, fit) => c.AfterBackward(fit),
            [FitEvent.BeforeStep] = (c, fit) => c.BeforeStep(fit),
            [FitEvent.AfterStep] = (c, fit) => c.AfterStep(fit),
            [FitEvent.AfterCancelBatch] = (c, fit) => c.AfterCancelBatch(fit),
            [FitEvent.AfterBatch] = (c, fit) => c.AfterBatch(fit),
            [FitEvent.AfterCancelTrain] = (c, fit) => c.AfterCancelTrain(fit),
            [FitEvent.AfterTrain] = (c, fit) => c.AfterTrain(fit),
            [FitEvent.BeforeValidate] = (c, fit) => c.BeforeValidate(fit),
            [FitEvent.AfterCancelValidate] = (c, fit) => c.AfterCancelValidate(fit),
            [FitEvent.AfterValidate] = (c, fit) => c.AfterValidate(fit),
            [FitEvent.AfterCancelEpoch] = (c, fit) => c.AfterCancelEpoch(fit),
            [FitEvent.AfterEpoch] = (c, fit) => c.AfterEpoch(fit),
            [FitEvent.AfterCancelFit] = (c, fit) => c.AfterCancelFit(fit),
            [FitEvent.AfterFit] = (c, fit) => c.AfterFit(fit),
        };

    private static readonly FitEvent[] Within =
        [FitEvent.AfterPred, FitEvent.AfterLoss, FitEvent.BeforeBackward, FitEvent.AfterBackward, FitEvent.BeforeStep];

    private static readonly FitEvent[] OfBatches = [.. Within, FitEvent.BeforeBatch, FitEvent.AfterStep, FitEvent.AfterBatch];

    private readonly Callback[][] _listeners;

    public CallbackList(IEnumerable<Callback> callbacks)
    {
        All = [.. callbacks.OrderBy(c => c.Order)];
        _listeners = [.. Calls.Keys.Order().Select(e => All.Where(c => Overrides(c, e)).ToArray())];
        LooksInside = All.Any(c => c.LooksInside) || Within.Any(e => _listeners[(int)e].Length > 0);
        SeesModel = OfBatches.Any(e => _listeners[(int)e].Any(c => c.SeesModel));
    }

    /// <summary>All callbacks, in the order in which they see events.</summary>
    public IReadOnlyList<Callback> All { get; }

    /// <summary>Whether one wants to see what a compiled step hides.</summary>
    public bool LooksInside { get; }

    /// <summary>Whether one may read or write parameters between batches.</summary>
    public bool SeesModel { get; }

    /// <summary>Tells all listeners, and gives the decision that reaches furthest.</summary>
    public Decision Raise(FitEvent at, FitContext fit)
    {
        var decision = Decision.Continue;
        fit.Event = at;

        foreach (var callback in _listeners[(int)at])
        {
            var own = Asked(callback, at, fit);
            decision = own > decision ? own : decision;
        }

        return decision;
    }

    private static Decision Asked(Callback callback, FitEvent at, FitContext fit)
    {
        try
        {
            var decision = Calls[at](callback, fit);

            return decision == Decision.Continue || fit.Open.Contains(decision)
                ? decision
                : throw new InvalidOperationException(
                    $"it decided {decision}, but there is nothing of that kind under way; possible is: "
                    + string.Join(", ", fit.Open.Order().Prepend(Decision.Continue)));
        }
        catch (Exception error) when (error is not CallbackException)
        {
            throw new CallbackException(callback.Name, at, fit.Where, error);
        }
    }

    private static bool Overrides(Callback callback, FitEvent at) =>
        callback.GetType().GetMethod($"{at}", [typeof(FitContext)])!.DeclaringType != typeof(Callback);
}
