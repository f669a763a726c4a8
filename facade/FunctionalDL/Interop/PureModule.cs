using FunctionalDL.Core;
using FunctionalDL.Discovery;
using Microsoft.FSharp.Collections;

namespace FunctionalDL.Interop;

/// <summary>
/// A module as a layer of the pure core: parameters that are trained, and state (buffers, and parameters that
/// are not trained), as trees; and a function that runs <c>Forward</c> with the cells standing for the
/// function's arguments.
/// </summary>
internal sealed class PureModule
{
    private readonly Module _module;
    private readonly IReadOnlyList<(string Path, object Cell)> _trained;
    private readonly IReadOnlyList<(string Path, object Cell)> _state;
    private readonly IReadOnlyDictionary<Module, string> _paths;
    private IReadOnlyList<Core.Tensor> _given = [];

    public PureModule(Module module)
    {
        _module = module;
        var tree = ModuleTree.Of(module);
        var cells = tree.Cells;
        _paths = tree.Modules.ToDictionary(m => m.Module, m => m.Path);
        _trained = [.. cells.Where(c => c.Cell is Parameter { RequiresGrad: true })];
        _state = [.. cells.Where(c => c.Cell is not Parameter { RequiresGrad: true })];

        Layer = Core.Layer.NewCustom(
            new CustomLayer(
                module.TypeName,
                Fs.Function<Key, FSharpList<Core.Shape>, Variables>((_, _) => Read()),
                Fs.Function<
                    Call,
                    FSharpList<Core.Tensor>,
                    Tuple<FSharpList<Core.Tensor>, Tree<Core.Tensor>>>(Apply)));
    }

    public Core.Layer Layer { get; }

    /// <summary>Whether the module has hooks, which want to look at values.</summary>
    public bool HasHooks => _module.HasHooks;

    /// <summary>The parameters that are trained, by their paths.</summary>
    public IReadOnlyList<(string Path, object Cell)> Trained => _trained;

    /// <summary>Buffers, and parameters that are not trained, by their paths.</summary>
    public IReadOnlyList<(string Path, object Cell)> State => _state;

    /// <summary>The randomness of one call of the module.</summary>
    public CallKeys Keys(Key key) => new(_paths, key);

    /// <summary>
    /// What the trained cells stand for in the call of training that was made last, in order, until it is taken: to see
    /// which of them a loss depends on.
    /// </summary>
    public IReadOnlyList<Core.Tensor> TakeGiven()
    {
        var given = _given;
        _given = [];
        return given;
    }

    /// <summary>Whether there is anything to train.</summary>
    public bool IsTrainable => _trained.Count > 0;

    /// <summary>
    /// Whether another module has the same cells under the same paths, of which the same are trained.
    /// </summary>
    public bool IsSameAs(PureModule other) =>
        _trained.SequenceEqual(other._trained) && _state.SequenceEqual(other._state);

    /// <summary>The values that the cells hold now.</summary>
    public Variables Read() => new(
        Fs.TreeOf(_trained.Select(c => (c.Path, Stored(c.Cell)))),
        Fs.TreeOf(_state.Select(c => (c.Path, Stored(c.Cell)))));

    /// <summary>Gives the cells new values.</summary>
    public void Write(Variables variables)
    {
        Write(_trained, variables.Parameters);
        Write(_state, variables.State);
    }

    /// <summary>
    /// The parameters as the variables that their cells give to whoever reads them now, and all of these as sources.
    /// </summary>
    public (Tree<Core.Tensor> Parameters, Sources? Sources) Tracked()
    {
        var values = _trained.Select(c => (c.Path, ((Parameter)c.Cell).Value)).ToList();
        return (Fs.TreeOf(values.Select(v => (v.Path, v.Value.Inner))), Sources.Union(values.Select(v => v.Value.Sources)));
    }

    /// <summary>The gradients in the cells; zeros where none has arrived.</summary>
    public Tree<Core.Tensor> Gradients() => Fs.TreeOf(_trained.Select(c => (c.Path, Gradient((Parameter)c.Cell))));

    /// <summary>Whether the cells hold these very values.</summary>
    public bool Holds(Variables variables) => Holds(_trained, variables.Parameters) && Holds(_state, variables.State);

    private static bool Holds(IReadOnlyList<(string Path, object Cell)> cells, Tree<Core.Tensor> values) =>
        cells.Zip(Structure.leaves(values)).All(pair => ReferenceEquals(Stored(pair.First.Cell), pair.Second));

    private static Core.Tensor Gradient(Parameter parameter) =>
        parameter.Grad?.Inner ?? TensorModule.zerosLike(parameter.Stored);

    /// <summary>Gives the buffers new values.</summary>
    public void WriteState(Tree<Core.Tensor> state) => Write(_state, state);

    private static void Write(IReadOnlyList<(string Path, object Cell)> cells, Tree<Core.Tensor> values)
    {
        var byPath = Fs.Leaves(values).ToDictionary(leaf => leaf.Path, leaf => leaf.Value);

        foreach (var (path, cell) in cells)
        {
            switch (cell)
            {
                case Parameter { RequiresGrad: true } parameter:
                    parameter.Store(byPath[path]);
                    break;
                case ModuleBuffer buffer:
                    buffer.Store(byPath[path]);
                    break;
            }
        }
    }

    public static Core.Tensor Stored(object cell) =>
        cell is Parameter parameter ? parameter.Stored : ((ModuleBuffer)cell).Stored;

    private Tuple<FSharpList<Core.Tensor>, Tree<Core.Tensor>> Apply(
        Call call, FSharpList<Core.Tensor> inputs)
    {
        var binding = new Binding(call.Mode.IsTraining, Keys(call.Key));
        Bind(binding, _trained, call.Variables.Parameters);
        Bind(binding, _state, call.Variables.State);

        if (call.Mode.IsTraining)
        {
            _given = [.. _trained.Select(c => binding.Read(c.Cell))];
        }

        using (Ambient.Bound(binding))
        {
            var output = _module.Call([.. inputs.Select(x => new Tensor(x))]);
            var state = Fs.TreeOf(_state.Select(c => (c.Path, binding.Read(c.Cell))));
            return Tuple.Create(Fs.List([output.Inner]), state);
        }
    }

    private static void Bind(
        Binding binding, IReadOnlyList<(string Path, object Cell)> cells, Tree<Core.Tensor> values)
    {
        var byPath = Fs.Leaves(values).ToDictionary(leaf => leaf.Path, leaf => leaf.Value);

        foreach (var (path, cell) in cells)
        {
            binding.Bind(cell, byPath[path]);
        }
    }
}
