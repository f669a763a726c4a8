using System.Globalization;
using FunctionalDL.Core;
using FunctionalDL.Data;
using FunctionalDL.Fitting;

namespace FunctionalDL;

/// <content>Files.</content>
public sealed partial class Learner
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
