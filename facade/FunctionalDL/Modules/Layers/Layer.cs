using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// A layer of the library: options that the core knows as data, and the cells for its parameters and running
/// statistics. The core gives first values (PyTorch's) and computes what it does; nothing is computed here.
/// </summary>
public abstract class Layer : Module
{
    private static readonly Key NoKey = KeyModule.ofSeed(0);

    private readonly Core.Layer _layer;
    private readonly string _options;
    private readonly bool _draws;
    private readonly Generator? _given;
    private Generator? _randomness;
    private Func<Start, Core.Layer, Variables> _first = LayerModule.variables;

    [Unregistered]
    private readonly OrderedDictionary<string, Parameter> _parameters = [];

    [Unregistered]
    private readonly OrderedDictionary<string, ModuleBuffer> _buffers = [];

    /// <summary>A layer of the core.</summary>
    /// <param name="layer">What the core knows it as.</param>
    /// <param name="options">Its options as printing shows them.</param>
    /// <param name="generator">Where first values and what it draws come from; null for unseeded.</param>
    /// <param name="draws">Whether it draws random numbers while training.</param>
    private protected Layer(
        Core.Layer layer, string options = "", Generator? generator = null, bool draws = false)
    {
        (_layer, _options, _given, _draws) = (layer, options, generator, draws);
        var first = _first(new Start(Core.DType.Float32, generator?.Next() ?? KeyModule.unseeded()), layer);

        foreach (var (name, value) in Fs.Leaves(first.Parameters))
        {
            _parameters.Add(name, new Parameter(new Tensor(value)) { IsUnseeded = generator is null });
        }

        foreach (var (name, value) in Fs.Leaves(first.State))
        {
            _buffers.Add(name, new ModuleBuffer(new Tensor(value)));
        }
    }

    /// <inheritdoc/>
    protected internal override string ExtraRepr => _options;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Run(input)[0];

    /// <inheritdoc/>
    public override Tensor Forward(params Tensor[] inputs) => Run(inputs)[0];

    internal override IEnumerable<(string Name, object Cell)> Cells =>
        _parameters.Select(p => (p.Key, (object)p.Value)).Concat(_buffers.Select(b => (b.Key, (object)b.Value)));

    /// <inheritdoc/>
    protected override void ResetParameters(Generator generator)
    {
        _randomness = generator;
        Draw(generator.Key);
    }

    /// <summary>Gives first values by another rule of the core, now and whenever the layer is initialised again.</summary>
    internal void DrawBy(Func<Start, Core.Layer, Variables> rule)
    {
        _first = rule;
        Draw(_given?.Next() ?? KeyModule.unseeded());

        foreach (var parameter in _parameters.Values)
        {
            parameter.IsUnseeded = _given is null;
        }
    }

    private void Draw(Key key)
    {
        foreach (var (name, value) in Fs.Leaves(_first(new Start(Core.DType.Float32, key), _layer).Parameters))
        {
            var parameter = _parameters[name];
            parameter.Store(Cell.Plain(new Tensor(value).To(parameter.DType), name));
        }
    }

    /// <summary>The parameter of PyTorch's name.</summary>
    private protected Parameter Own(string name) => _parameters[name];

    /// <summary>The parameter of PyTorch's name; null when the layer was made without.</summary>
    private protected Parameter? OwnOrNull(string name) => _parameters.GetValueOrDefault(name);

    /// <summary>The buffer of PyTorch's name; null when the layer was made without.</summary>
    private protected ModuleBuffer? BufferOrNull(string name) => _buffers.GetValueOrDefault(name);

    /// <summary>All outputs. In training, running statistics are written.</summary>
    private protected IReadOnlyList<Tensor> Run(params IReadOnlyList<Tensor> inputs)
    {
        var isTraining = Training;
        var parameters = _parameters.Select(p => (p.Key, p.Value.Value)).ToList();

        var call = new Call(
            isTraining ? Mode.Training : Mode.Evaluation,
            new Variables(
                Fs.TreeOf(parameters.Select(p => (p.Key, p.Value.Inner))),
                Fs.TreeOf(_buffers.Select(b => (b.Key, b.Value.Value.Inner)))),
            isTraining && _draws ? NextKey() : NoKey);

        var (outputs, state) = LayerModule.apply(_layer, call, Fs.List(inputs.Select(x => x.Inner)));

        if (isTraining)
        {
            foreach (var (name, value) in Fs.Leaves(state))
            {
                _buffers[name].Value = new Tensor(value);
            }
        }

        var sources = Sources.Union(inputs.Concat(parameters.Select(p => p.Value)).Select(x => x.Sources));
        return [.. outputs.Select(output => new Tensor(output, sources))];
    }

    private Key NextKey()
    {
        if (Ambient.Current.Keys?.Next(this) is { } key)
        {
            return key;
        }

        // Drawn while a step is traced, it would be the same in every step.
        return Ambient.Current.Binding is null
            ? (_given ?? LazyInitializer.EnsureInitialized(ref _randomness, () => new Generator())).Next()
            : throw new InvalidOperationException(
                $"a {TypeName} that does not belong to the traced module drew random numbers: make it a field of the module, "
                + "not in Forward");
    }
}
