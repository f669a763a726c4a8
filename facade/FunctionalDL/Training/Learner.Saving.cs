using System.Globalization;
using FunctionalDL.Core;
using FunctionalDL.Data;
using FunctionalDL.Fitting;

namespace FunctionalDL;

/// <content>Files.</content>
public partial class Learner
{
    /// <summary>
    /// Writes the module's parameters and buffers, and what the optimiser remembers of them, as a safetensors file, all of it
    /// or nothing. <see cref="Module.Load"/> reads it too.
    /// </summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="withOptimizer">
    /// Whether the optimiser's memory is written, if there is any: one of your own keeps it to itself.
    /// </param>
    /// <exception cref="Data.DataException">
    /// The file cannot be written; an older one stays as it was.
    /// </exception>
    public void Save(string path, bool withOptimizer = true)
    {
        var tensors = new OrderedDictionary<string, Tensor>(Model.StateDict());

        if (withOptimizer && _run is PureRun run)
        {
            foreach (var (name, tensor) in run.OptimiserTensors())
            {
                tensors.Add(Safetensors.OwnPrefix + name, tensor);
            }
        }

        Safetensors.Save(path, tensors);
    }

    /// <summary>
    /// Reads what <see cref="Save"/> wrote: the next fit goes on as one of the saved learner would. Without an optimiser's
    /// memory in the file, or when it is not wanted, the optimiser begins anew.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="withOptimizer">Whether the optimiser's memory is read; a file without it is warned of.</param>
    /// <returns>This learner.</returns>
    /// <exception cref="Data.DataException">
    /// The file is missing or malformed; nothing was changed.
    /// </exception>
    /// <exception cref="StateDictException">It does not fit the module; nothing was changed.</exception>
    /// <exception cref="OptionException">The memory is that of another optimiser; nothing was changed.</exception>
    public Learner Load(string path, bool withOptimizer = true)
    {
        var memory = Safetensors.Load(path)
            .Where(t => withOptimizer && t.Key.StartsWith(Safetensors.OwnPrefix, StringComparison.Ordinal))
            .ToDictionary(t => t.Key[Safetensors.OwnPrefix.Length..], t => t.Value);
        var before = Model.StateDict();
        Model.Load(path);
        var run = memory.Count > 0 ? NewRun(Current(), 0.0) : null;

        try
        {
            (run as PureRun)?.LoadOptimiser(memory);
        }
        catch
        {
            Model.LoadStateDict(before);
            throw;
        }

        _run = run;

        if (withOptimizer && run is not PureRun)
        {
            Say(run is null
                ? $"Warning: {path} holds no state of an optimiser: it begins anew."
                : $"Warning: the state of an optimiser in {path} is not taken: yours is your own.");
        }

        return this;
    }

    /// <summary>
    /// Writes everything that training goes on from: parameters, buffers, what the optimiser and the callbacks remember, the
    /// source of randomness, and where the fit under way is, to the batch. All of it or nothing. After a fit that was
    /// cancelled it is the state of the last step, even if the module was given the best epoch's parameters. A callback
    /// that calls it needs an <see cref="Callback.Order"/> after those that remember something, which then have seen the
    /// event.
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

        if (_position != (0, 0) && _loop is { } loop)
        {
            foreach (var (name, tensor) in loop.State.ToTensors())
            {
                tensors.Add(name, tensor);
            }
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
    /// as the saved one was, with the same callbacks, everything that follows has the same bits as if there had been no
    /// break; a validation that was under way begins anew. A fit of other rates begins with those, not with what callbacks had made of the old ones.
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

        var tensors = Safetensors.Load(path).ToDictionary(t => t.Key, t => t.Value);

        if (!tensors.Remove(KeyName, out var key)
            || !key.Inner.Shape.Equals(_key.Words.Shape)
            || !key.Inner.DType.Equals(_key.Words.DType))
        {
            throw new DataException(path, $"its '{KeyName}' is missing or not a key", "fetch or copy the file again", null);
        }

        var position = (Number(path, metadata, EpochName), Number(path, metadata, BatchName));
        var fit = position == (0, 0)
            ? null
            : FitState.Take(tensors)
                ?? throw new DataException(path, "what its fit remembered is missing", "fetch or copy the file again", null);
        var orders = Number(path, metadata, OrdersName);
        var run = Pure(NewRun(Current(), 0.0));
        run.Start([.. _callbacks, .. callbacks]);
        run.State = StateModule.ofTensors(run.State, tensors.Select(t => Tuple.Create(t.Key, t.Value.Inner)));
        run.Commit();
        (_run, _key, _position, _orders, _resumed) = (run, new Key(key.Inner), position, orders, fit);
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
    public virtual void Export(string path) => WriteModel(path, new Dictionary<string, string>
    {
        [KindName] = ModelKind,
        [RecipeName] = Recipe.Of(Model),
        [ClassesName] = string.Join('\n', Data.Classes ?? []),
    });

    /// <summary>Writes the model's values with what is known of it, and the name of its loss.</summary>
    private protected void WriteModel(string path, Dictionary<string, string> known)
    {
        known[LossName] = KnownLosses.FirstOrDefault(loss => loss.Value == _lossFunc).Key
            ?? (TakesScores ? nameof(CrossEntropyLoss) : TakesLogarithms ? nameof(NLLLoss) : "");
        Safetensors.Save(path, Model.StateDict(), known);
    }

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

        if (metadata.GetValueOrDefault(KindName) == TabularLearner.TableKind)
        {
            return TabularLearner.Import(path, device);
        }

        if (metadata.GetValueOrDefault(KindName) != ModelKind || metadata.GetValueOrDefault(RecipeName) is not { } recipe)
        {
            throw new DataException(path, "it is not an exported model", "give a file that Export wrote", null);
        }

        var model = Recipe.Parse(recipe);
        var loss = Fill(path, model, metadata);
        var none = new DataLoader(new TensorDataset(Tensor.Zeros([0]), Tensor.Zeros([0])));
        var classes = metadata.GetValueOrDefault(ClassesName, "").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new Learner(
            new DataLoaders(none, none) { Classes = classes.Length == 0 ? null : classes }, model, loss, device: device);
    }

    /// <summary>Gives a model the values of the file that it was exported to.</summary>
    /// <returns>The loss of that learner, by its name.</returns>
    private protected static Func<Tensor, Tensor, Tensor> Fill(
        string path, Module model, IReadOnlyDictionary<string, string> metadata)
    {
        var state = Safetensors.Load(path);

        if (state.Values.Any(value => value.DType == DType.Float64))
        {
            model.To(DType.Float64);
        }

        model.LoadStateDict(state);
        return KnownLosses.GetValueOrDefault(metadata.GetValueOrDefault(LossName, ""), UnknownLoss);
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
    private protected const string KindName = "functionaldl.kind";
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
