using System.Globalization;
using FunctionalDL.Core;
using FunctionalDL.Data;
using FunctionalDL.Fitting;

namespace FunctionalDL;

/// <content>Files.</content>
public partial class Learner
{
    /// <summary>
    /// Writes the module's parameters and buffers as a safetensors file, all of it or nothing.
    /// </summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="Data.DataException">
    /// The file cannot be written; an older one stays as it was.
    /// </exception>
    public void Save(string path) => Model.Save(path);

    /// <summary>Reads what <see cref="Save"/> wrote into the module.</summary>
    /// <param name="path">The file.</param>
    /// <returns>This learner.</returns>
    /// <exception cref="Data.DataException">
    /// The file is missing or malformed; nothing was changed.
    /// </exception>
    /// <exception cref="StateDictException">It does not fit the module; nothing was changed.</exception>
    public Learner Load(string path)
    {
        Model.Load(path);
        return this;
    }

    /// <summary>
    /// Writes everything that training goes on from: parameters, buffers, what the optimiser remembers, the source of
    /// randomness, and where the fit under way is, to the batch. All of it or nothing. After a fit that was cancelled
    /// it is the state of the last step, even if the module was given the best epoch's parameters.
    /// </summary>
    /// <param name="path">The safetensors file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    /// <exception cref="InvalidOperationException">
    /// Nothing was trained yet; or the optimiser is your own, whose memory is unknown here.
    /// </exception>
    public void SaveState(string path)
    {
        var run = _run ?? throw new InvalidOperationException("SaveState: nothing was trained yet: use Save");
        var tensors = new OrderedDictionary<string, Tensor> { [KeyName] = new(_key.Words) };

        foreach (var (name, tensor) in StateModule.toTensors(Pure(run).State))
        {
            tensors.Add(name, new Tensor(tensor));
        }

        Safetensors.Save(path, tensors, new Dictionary<string, string>
        {
            [KindName] = StateKind,
            [OrdersName] = Text(_orders),
            [EpochName] = Text(_position.Epoch),
            [BatchName] = Text(_position.Batch),
        });
    }

    /// <summary>
    /// Goes on from what <see cref="SaveState"/> wrote: the next fit begins where the saved one was. When it is called
    /// as the saved one was, everything that follows has the same bits as if there had been no break. What callbacks
    /// remember (the best figure so far) begins anew. The first result is over the rest of its epoch.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="callbacks">
    /// Those of the fit's callbacks that change the optimiser's rule, such as <see cref="ExponentialMovingAverage"/>,
    /// besides those of the learner.
    /// </param>
    /// <returns>This learner.</returns>
    /// <exception cref="DataException">
    /// The file is missing or malformed, or holds no state; nothing was changed.
    /// </exception>
    /// <exception cref="OptionException">It is of another model or optimiser; nothing was changed.</exception>
    /// <exception cref="ShapeException">It is of a model with other sizes; nothing was changed.</exception>
    public Learner Resume(string path, params IReadOnlyList<Callback> callbacks)
    {
        var metadata = Safetensors.Metadata(path);

        if (metadata.GetValueOrDefault(KindName) != StateKind)
        {
            throw new DataException(path, "it is not a state of training", "give a file that SaveState wrote", null);
        }

        var tensors = Safetensors.Load(path).ToDictionary(t => t.Key, t => t.Value.Inner);

        if (!tensors.Remove(KeyName, out var key) || !key.Shape.Equals(_key.Words.Shape) || !key.DType.Equals(_key.Words.DType))
        {
            throw new DataException(path, $"its '{KeyName}' is missing or not a key", "fetch or copy the file again", null);
        }

        var position = (Number(path, metadata, EpochName), Number(path, metadata, BatchName));
        var orders = Number(path, metadata, OrdersName);
        var run = Pure(NewRun(Current(), 0.0));
        run.Start([.. _callbacks, .. callbacks]);
        run.State = StateModule.ofTensors(run.State, tensors.Select(t => Tuple.Create(t.Key, t.Value)));
        run.Commit();
        (_run, _key, _position, _orders, _isResumed) = (run, new Key(key), position, orders, true);
        return this;
    }

    /// <summary>
    /// Writes all that predicting needs into one safetensors file: the recipe of the module (what it prints: kinds,
    /// options and parts, no code), parameters and buffers, the loss's name and the names of the classes. Tried out
    /// before anything is written.
    /// </summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="OptionException">
    /// The module has a class of your own in it, of which a recipe knows nothing: use <see cref="Save"/>.
    /// </exception>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void Export(string path) => Safetensors.Save(path, Model.StateDict(), new Dictionary<string, string>
    {
        [KindName] = ModelKind,
        [RecipeName] = Recipe.Of(Model),
        [LossName] = KnownLosses.FirstOrDefault(loss => loss.Value == _lossFunc).Key
            ?? (TakesScores ? nameof(CrossEntropyLoss) : TakesLogarithms ? nameof(NLLLoss) : ""),
        [ClassesName] = string.Join('\n', Data.Classes ?? []),
    });

    /// <summary>
    /// The learner of what <see cref="Export"/> wrote: it has no data, and predicts what the exported one predicts.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="device">What computes; the processor with all its cores when not given.</param>
    /// <exception cref="DataException">The file is missing or malformed, or holds no model with a recipe.</exception>
    /// <exception cref="OptionException">The recipe names something that the library does not have.</exception>
    public static Learner Import(string path, Device? device = null)
    {
        var metadata = Safetensors.Metadata(path);

        if (metadata.GetValueOrDefault(KindName) != ModelKind || metadata.GetValueOrDefault(RecipeName) is not { } recipe)
        {
            throw new DataException(path, "it is not an exported model", "give a file that Export wrote", null);
        }

        var state = Safetensors.Load(path);
        var model = Recipe.Parse(recipe);

        if (state.Values.Any(value => value.DType == DType.Float64))
        {
            model.To(DType.Float64);
        }

        model.LoadStateDict(state);
        var none = new DataLoader(new TensorDataset(Tensor.Zeros([0]), Tensor.Zeros([0])));
        var classes = metadata.GetValueOrDefault(ClassesName, "").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var loss = KnownLosses.GetValueOrDefault(metadata.GetValueOrDefault(LossName, ""), UnknownLoss);
        return new Learner(
            new DataLoaders(none, none) { Classes = classes.Length == 0 ? null : classes }, model, loss, device: device);
    }

    private const string ModelKind = "model";
    private const string RecipeName = "functionaldl.recipe";
    private const string LossName = "functionaldl.loss";
    private const string ClassesName = "functionaldl.classes";

    private static readonly Dictionary<string, Func<Tensor, Tensor, Tensor>> KnownLosses = new()
    {
        [nameof(Losses.CrossEntropy)] = Losses.CrossEntropy,
        [nameof(Losses.Nll)] = Losses.Nll,
        [nameof(Losses.Mse)] = Losses.Mse,
        [nameof(CrossEntropyLoss)] = LossOfScores,
        [nameof(NLLLoss)] = LossOfLogarithms,
    };

    private static Tensor UnknownLoss(Tensor output, Tensor target) => throw new InvalidOperationException(
        "the model was exported with a loss of your own, which is not in the file: make a learner with it");

    // The options of a loss that is a module are not in the file: what it predicts is known, what it measures is not.
    private static Tensor LossOfScores(Tensor output, Tensor target) => UnknownLoss(output, target);

    private static Tensor LossOfLogarithms(Tensor output, Tensor target) => UnknownLoss(output, target);

    private const string StateKind = "state";
    private const string KindName = "functionaldl.kind";
    private const string KeyName = "learner.key";
    private const string OrdersName = "learner.orders";
    private const string EpochName = "learner.epoch";
    private const string BatchName = "learner.batch";

    private static PureRun Pure(IRun run) => run as PureRun
        ?? throw new InvalidOperationException(
            "an optimiser of your own keeps to itself what it remembers: only the library's have a state that is saved");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Number(string path, IReadOnlyDictionary<string, string> metadata, string name) =>
        int.TryParse(metadata.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new DataException(path, $"its '{name}' is missing or not a number", "fetch or copy the file again", null);
}
