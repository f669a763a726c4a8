using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// What is done at the events of a fit: derive from it and override the events that matter. Callbacks of a
/// <see cref="Learner"/> take part in all its fits, those given to a fit in that one alone. Events come in the
/// order of <see cref="FitEvent"/>; what a callback returns decides how it goes on. When it throws, the fit ends
/// with a <see cref="CallbackException"/> that names it.
/// </summary>
/// <remarks>
/// Steps are compiled as a whole unless a callback looks inside: overrides an event from <see cref="AfterPred"/>
/// to <see cref="BeforeStep"/>, or <see cref="LooksInside"/>. Then they run part by part, with the same bits.
/// </remarks>
public abstract class Callback
{
    /// <summary>What messages call it; its class unless overridden.</summary>
    public virtual string Name => GetType().Name;

    /// <summary>
    /// Callbacks see an event in the order of this number, those with equal numbers in the order given.
    /// </summary>
    public virtual int Order => 0;

    /// <summary>
    /// Whether it needs the output, the loss or the gradients while a step goes on, so that steps run part by
    /// part. Overriding an event within the step says so too.
    /// </summary>
    public virtual bool LooksInside => false;

    /// <summary>
    /// Whether it may read or write the module's parameters between batches, which then always hold the current
    /// values.
    /// </summary>
    internal virtual bool SeesModel => true;

    /// <summary>A fit begins: options may be checked.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision BeforeFit(FitContext fit) => Decision.Continue;

    /// <summary>An epoch begins.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision BeforeEpoch(FitContext fit) => Decision.Continue;

    /// <summary>The training part of an epoch begins.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision BeforeTrain(FitContext fit) => Decision.Continue;

    /// <summary>
    /// A batch, of training or validation, is there; <see cref="FitContext.Batch"/> may be replaced.
    /// </summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision BeforeBatch(FitContext fit) => Decision.Continue;

    /// <summary>
    /// The output is there; <see cref="FitContext.Prediction"/> may be replaced. Looks inside the step.
    /// </summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterPred(FitContext fit) => Decision.Continue;

    /// <summary>The loss is there; <see cref="FitContext.Loss"/> may be replaced. Looks inside the step.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterLoss(FitContext fit) => Decision.Continue;

    /// <summary>Gradients are about to be found. Looks inside the step.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision BeforeBackward(FitContext fit) => Decision.Continue;

    /// <summary>Gradients are in <see cref="Parameter.Grad"/>. Looks inside the step.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterBackward(FitContext fit) => Decision.Continue;

    /// <summary>
    /// The optimiser is about to use <see cref="Parameter.Grad"/>, which may be changed. Looks inside the step.
    /// </summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision BeforeStep(FitContext fit) => Decision.Continue;

    /// <summary>The parameters were moved; the gradients are still there if the step was looked into.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterStep(FitContext fit) => Decision.Continue;

    /// <summary>A batch was left by <see cref="Decision.SkipBatch"/>; <see cref="AfterBatch"/> follows.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterCancelBatch(FitContext fit) => Decision.Continue;

    /// <summary>A batch, of training or validation, is over.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterBatch(FitContext fit) => Decision.Continue;

    /// <summary>
    /// The training part was left by <see cref="Decision.StopTraining"/>; <see cref="AfterTrain"/> follows.
    /// </summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterCancelTrain(FitContext fit) => Decision.Continue;

    /// <summary>The training part of an epoch is over.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterTrain(FitContext fit) => Decision.Continue;

    /// <summary>The validation part of an epoch begins.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision BeforeValidate(FitContext fit) => Decision.Continue;

    /// <summary>
    /// The validation was left by <see cref="Decision.SkipValidation"/>; <see cref="AfterValidate"/> follows.
    /// </summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterCancelValidate(FitContext fit) => Decision.Continue;

    /// <summary>The validation part of an epoch is over.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterValidate(FitContext fit) => Decision.Continue;

    /// <summary>An epoch was left by <see cref="Decision.StopEpoch"/>; <see cref="AfterEpoch"/> follows.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterCancelEpoch(FitContext fit) => Decision.Continue;

    /// <summary>An epoch is over: <see cref="FitContext.Result"/> has its figures.</summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterEpoch(FitContext fit) => Decision.Continue;

    /// <summary>
    /// The fit was left by <see cref="Decision.StopFit"/> or by its cancellation token; <see cref="AfterFit"/>
    /// follows.
    /// </summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterCancelFit(FitContext fit) => Decision.Continue;

    /// <summary>
    /// The fit is over, in whatever way: <see cref="FitContext.Error"/> has what it failed with, if it did.
    /// </summary>
    /// <param name="fit">Where the fit is.</param>
    public virtual Decision AfterFit(FitContext fit) => Decision.Continue;

    /// <summary>
    /// What it remembers from one event to the next, as named tensors, for <see cref="Learner.SaveState"/>; nothing unless
    /// overridden. A callback that overrides it and <see cref="LoadStateDict"/> goes on in a fit that is resumed.
    /// </summary>
    public virtual IReadOnlyDictionary<string, Tensor> StateDict() => new Dictionary<string, Tensor>();

    /// <summary>Takes over what <see cref="StateDict"/> gave, after <see cref="BeforeFit"/> of the fit that is resumed.</summary>
    /// <param name="state">The tensors by name.</param>
    /// <exception cref="OptionException">They are not what this callback saves.</exception>
    public virtual void LoadStateDict(IReadOnlyDictionary<string, Tensor> state)
    {
    }

    /// <summary>A tensor of what was saved.</summary>
    /// <param name="state">The tensors by name.</param>
    /// <param name="name">The name.</param>
    /// <exception cref="OptionException">There is none of that name.</exception>
    private protected Tensor Saved(IReadOnlyDictionary<string, Tensor> state, string name) =>
        state.GetValueOrDefault(name)
        ?? throw new OptionException($"resume: the state of callback {Name} has no '{name}'; was it saved by another one?");

    /// <summary>The optimiser's rule as the callback wants it for this fit, still one compiled step.</summary>
    internal virtual Optimiser Change(Optimiser optimiser) => optimiser;
}
