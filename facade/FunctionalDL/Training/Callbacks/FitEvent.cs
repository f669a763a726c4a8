namespace FunctionalDL;

/// <summary>
/// The events of a fit, in their order. Validation has the batch's events too, up to <see cref="AfterLoss"/>
/// and <see cref="AfterBatch"/>.
/// </summary>
public enum FitEvent
{
    /// <summary>A fit begins.</summary>
    BeforeFit,

    /// <summary>An epoch begins.</summary>
    BeforeEpoch,

    /// <summary>The training part of an epoch begins.</summary>
    BeforeTrain,

    /// <summary>A batch is there; it may be replaced.</summary>
    BeforeBatch,

    /// <summary>The output is there; it may be replaced.</summary>
    AfterPred,

    /// <summary>The loss is there; it may be replaced.</summary>
    AfterLoss,

    /// <summary>Gradients are about to be found.</summary>
    BeforeBackward,

    /// <summary>Gradients are there.</summary>
    AfterBackward,

    /// <summary>The optimiser is about to move the parameters; the gradients may be changed.</summary>
    BeforeStep,

    /// <summary>The parameters were moved.</summary>
    AfterStep,

    /// <summary>A batch was left by <see cref="Decision.SkipBatch"/>.</summary>
    AfterCancelBatch,

    /// <summary>A batch is over.</summary>
    AfterBatch,

    /// <summary>The training part was left by <see cref="Decision.StopTraining"/>.</summary>
    AfterCancelTrain,

    /// <summary>The training part of an epoch is over.</summary>
    AfterTrain,

    /// <summary>The validation part of an epoch begins.</summary>
    BeforeValidate,

    /// <summary>The validation part was left by <see cref="Decision.SkipValidation"/>.</summary>
    AfterCancelValidate,

    /// <summary>The validation part of an epoch is over.</summary>
    AfterValidate,

    /// <summary>An epoch was left by <see cref="Decision.StopEpoch"/>.</summary>
    AfterCancelEpoch,

    /// <summary>An epoch is over, and its figures are there.</summary>
    AfterEpoch,

    /// <summary>The fit was left: by <see cref="Decision.StopFit"/>, or cancelled.</summary>
    AfterCancelFit,

    /// <summary>The fit is over, in whatever way.</summary>
    AfterFit,
}
