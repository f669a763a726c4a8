namespace FunctionalDL;

/// <summary>
/// What a <see cref="Callback"/> wants to happen next. Of several callbacks' decisions at one event the one
/// that reaches furthest counts, and all of them see the event.
/// </summary>
public enum Decision
{
    /// <summary>Go on.</summary>
    Continue,

    /// <summary>Leave the rest of this batch: it is not trained on, or not judged by.</summary>
    SkipBatch,

    /// <summary>Leave the rest of the epoch's training, and go on to its validation.</summary>
    StopTraining,

    /// <summary>Leave the rest of this validation.</summary>
    SkipValidation,

    /// <summary>Leave the rest of this epoch, its validation too.</summary>
    StopEpoch,

    /// <summary>End the fit.</summary>
    StopFit,
}
