using FunctionalDL.Core;
using FunctionalDL.Discovery;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// A layer or network: cells (<see cref="Parameter"/>, <see cref="ModuleBuffer"/>) and modules, and a
/// <c>Forward</c> in ordinary C# that says what it computes. Parts are found by themselves, whenever they are
/// asked for: in fields (private ones too), then in properties, each in the order of declaration, and in
/// lists, arrays and dictionaries there. Their names are PyTorch's: <c>_fc1</c>, <c>fc1</c> and <c>Fc1</c>
/// are all <c>fc1</c>, <c>RunningMean</c> is <c>running_mean</c>, the second item of <c>layers</c> is
/// <c>layers.1</c>. <see cref="UnregisteredAttribute"/> opts out. Parts held where nobody looks are an error,
/// not silently untrained.
/// </summary>
/// <example><code>
/// class Model : Module
/// {
///     private readonly Linear _l1 = new(784, 50), _l2 = new(50, 10);
///     public override Tensor Forward(Tensor x) => _l2.Call(_l1.Call(x).Relu());
/// }
/// </code></example>
public abstract partial class Module
{
    private readonly List<(string Name, Module Module)> _added = [];
    private bool _isTraining = true;

    /// <summary>
    /// Whether the module is being trained, for layers that then behave differently. Inside a call that a
    /// <see cref="Learner"/> makes it is that call's mode; elsewhere what <see cref="Train"/> and
    /// <see cref="Eval"/> set.
    /// </summary>
    public bool Training => Ambient.Current.Binding?.IsTraining ?? _isTraining;

    /// <summary>The name of its kind that printing shows; the class's unless overridden.</summary>
    protected internal virtual string TypeName => GetType().Name.Split('`')[0];

    /// <summary>
    /// The options that printing shows in parentheses: <c>in_features=784, out_features=50, bias=True</c>.
    /// </summary>
    protected internal virtual string ExtraRepr => "";

    /// <summary>
    /// What the module computes from one input. Override this or the form with several inputs.
    /// </summary>
    /// <param name="input">The input; its first axis is usually the batch.</param>
    /// <exception cref="NotImplementedException">
    /// The module has no Forward, as <see cref="ModuleList"/>.
    /// </exception>
    public virtual Tensor Forward(Tensor input) =>
        TakesSeveral(GetType())
            ? Forward([input])
            : throw new NotImplementedException(
                $"{TypeName} has no Forward: override Forward(Tensor), or call its parts");

    /// <summary>
    /// What the module computes from several inputs. Override this in modules that take more than one.
    /// </summary>
    /// <param name="inputs">The inputs; their first axis is usually the batch.</param>
    /// <exception cref="ShapeException">There is not one input, and the module takes one.</exception>
    public virtual Tensor Forward(params Tensor[] inputs) =>
        inputs.Length == 1
            ? Forward(inputs[0])
            : throw new ShapeException(
                $"{TypeName}: it was given {inputs.Length} inputs; it takes one: override Forward(params Tensor[])");

    /// <summary>
    /// Runs <c>Forward</c>, as PyTorch's <c>model(x)</c>. Modules call their parts through this: errors of
    /// shape then name the part's path.
    /// </summary>
    /// <param name="inputs">One or more inputs.</param>
    /// <exception cref="ShapeException">
    /// Shapes do not meet; the message begins with the path of the module.
    /// </exception>
    public Tensor Call(params Tensor[] inputs)
    {
        if (Ambient.Current is { Binding: not null } or { Writes: not null })
        {
            return Located(inputs);
        }

        var writes = new PendingWrites();

        using (Ambient.Writing(writes))
        {
            var output = Located(inputs);

            return writes.Values.Count > 0 && output.Sources is { } sources
                ? new Tensor(output.Inner, sources.With(writes))
                : output;
        }
    }

    /// <summary>Forward, with the module's path in front of errors.</summary>
    private Tensor Located(Tensor[] inputs)
    {
        try
        {
            return Observed(inputs);
        }
        catch (ShapeException error)
        {
            throw ErrorPath.Extend(error, this);
        }
    }

    /// <summary>Adds a part under a name, after those that are found in fields.</summary>
    /// <param name="name">Its name, without dots.</param>
    /// <param name="module">The part.</param>
    /// <exception cref="ArgumentException">The name is empty, has a dot, or is taken.</exception>
    public void AddModule(string name, Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        PartNames.Require(name);

        if (NamedChildren().Any(child => child.Name == name))
        {
            throw new ArgumentException($"{TypeName} has a part called '{name}' already", nameof(name));
        }

        _added.Add((name, module));
    }

    /// <summary>
    /// The module as a compiled function: <c>var fast = model.Compile(); fast.Call(x)</c>. The same bits as <see cref="Call"/>.
    /// </summary>
    /// <param name="generator">Where it draws from in training; when not given runs differ.</param>
    /// <param name="device">What computes; the processor with all its cores when not given.</param>
    public CompiledModule Compile(Generator? generator = null, Device? device = null) => new(this, generator, device);

    /// <summary>
    /// A whole training step as one compiled function, for loops written by hand: <c>var step = model.CompileStep(
    /// Losses.CrossEntropy, opt); … step.Run(x, y)</c>. The same bits as <c>Backward</c> and <c>Step</c>.
    /// </summary>
    /// <param name="lossFunc">Output and target to the batch's loss.</param>
    /// <param name="optimizer">An optimiser of the library; its memory is shared with the steps.</param>
    /// <param name="seed">Where layers draw from, as a <see cref="Learner"/> with this seed; when not given runs differ.</param>
    /// <param name="device">What computes; the processor with all its cores when not given.</param>
    /// <exception cref="ArgumentException">The optimiser is a user's own.</exception>
    public CompiledStep CompileStep(
        Func<Tensor, Tensor, Tensor> lossFunc, Optimizer optimizer, long? seed = null, Device? device = null) =>
        new(this, lossFunc, optimizer, seed, device);

    /// <summary>
    /// The paths of the parameters that want a gradient and have none: after <see cref="Tensor.Backward"/>, those that the
    /// loss does not depend on, which would silently not be trained.
    /// </summary>
    public IReadOnlyList<string> ParametersWithoutGrad() =>
        [.. NamedParameters().Where(p => p.Parameter is { RequiresGrad: true, Grad: null }).Select(p => p.Name)];

    /// <summary>Sets the mode of this module and all modules in it.</summary>
    /// <param name="mode">Whether they are trained.</param>
    public Module Train(bool mode = true) => Apply(module => module._isTraining = mode);

    /// <summary>Sets this module and all modules in it to evaluation: <c>Train(false)</c>.</summary>
    public Module Eval() => Train(false);

    /// <summary>
    /// Does something with every module in this one, the innermost first, and then with this one.
    /// </summary>
    /// <param name="action">What to do.</param>
    /// <returns>This module.</returns>
    public Module Apply(Action<Module> action)
    {
        foreach (var module in ModuleTree.Of(this).InnerFirst)
        {
            action(module);
        }

        return this;
    }

    /// <summary>Forgets the gradients of all parameters.</summary>
    public void ZeroGrad()
    {
        foreach (var parameter in Parameters())
        {
            parameter.ZeroGrad();
        }
    }

    /// <summary>
    /// Converts parameters and buffers of float types to another one; gradients are forgotten.
    /// </summary>
    /// <param name="dtype">A float type.</param>
    /// <returns>This module.</returns>
    /// <exception cref="DTypeException">It is not a float type.</exception>
    public Module To(DType dtype)
    {
        if (!dtype.IsFloat())
        {
            throw new DTypeException($"to: modules compute with float types; {dtype} is none");
        }

        var tree = ModuleTree.Of(this);
        Tensor Converted(Core.Tensor value) => new Tensor(value).To(dtype);

        foreach (var (_, parameter) in tree.Parameters.Where(p => p.Parameter.DType.IsFloat()))
        {
            var isUnseeded = parameter.IsUnseeded;
            parameter.Store(Cell.Plain(Converted(parameter.Stored), "parameter"));
            parameter.IsUnseeded = isUnseeded;
            parameter.ZeroGrad();
        }

        foreach (var (_, buffer) in tree.Buffers.Where(b => b.Buffer.DType.IsFloat()))
        {
            buffer.Store(Cell.Plain(Converted(buffer.Stored), "buffer"));
        }

        return this;
    }

    /// <summary>
    /// Gives all parameters new first values from one seed. Each part draws from a source of its own, by its
    /// name, so that adding a part does not change the others.
    /// </summary>
    /// <param name="seed">Equal seeds give equal values, to the bit.</param>
    /// <returns>This module.</returns>
    public Module Initialize(long seed)
    {
        Initialize(KeyModule.ofSeed(seed), _ => true);
        return this;
    }

    /// <summary>New first values for those parameters that are chosen.</summary>
    internal void Initialize(Key key, Func<Parameter, bool> isChosen)
    {
        foreach (var (path, module) in ModuleTree.Of(this).Modules)
        {
            var own = Members.Of(module).Parts.Select(part => part.Part).OfType<Parameter>().ToList();
            var kept = own.Where(p => !isChosen(p)).Select(p => (Parameter: p, p.Stored)).ToList();

            if (kept.Count < own.Count || own.Count == 0)
            {
                var names = path.Split('.', StringSplitOptions.RemoveEmptyEntries);
                module.ResetParameters(new Generator(names.Aggregate(key, (k, name) => KeyModule.child(name, k))));
                kept.ForEach(k => k.Parameter.Store(k.Stored));
            }
        }
    }

    /// <summary>
    /// Gives the parameters that this module holds itself (not those of modules in it) new first values. A
    /// module with parameters of its own overrides this; otherwise they keep their values when it is
    /// initialised again.
    /// </summary>
    /// <param name="generator">The source of randomness of this module alone.</param>
    protected virtual void ResetParameters(Generator generator)
    {
    }

    /// <summary>Kind, options and parts, as PyTorch prints them, nested by two spaces.</summary>
    public override string ToString() => Text([]);

    /// <summary>Modules that are not found in fields.</summary>
    internal virtual IReadOnlyList<(string Name, Module Module)> Added => _added;

    /// <summary>Parameters and buffers that are not found in fields.</summary>
    internal virtual IEnumerable<(string Name, object Cell)> Cells => [];

    /// <summary>The text of this module inside others; one of those in it again is only named.</summary>
    private string Text(HashSet<Module> outer)
    {
        if (!outer.Add(this))
        {
            return $"{TypeName}(...)";
        }

        string TextOf(Module part) => PrintsItself(part) ? $"{part}" : part.Text(outer);
        var parts = ModuleTree.DirectModules(this).Select(part => $"({part.Name}): {TextOf(part.Module)}").ToList();
        outer.Remove(this);

        if (parts.Count == 0)
        {
            return $"{TypeName}({ExtraRepr})";
        }

        var lines = ExtraRepr.Length == 0 ? parts : [ExtraRepr, .. parts];
        return $"{TypeName}(\n{string.Concat(lines.Select(line => $"  {line.Replace("\n", "\n  ")}\n"))})";
    }

    private static bool PrintsItself(Module module) =>
        module.GetType().GetMethod(nameof(ToString), [])?.DeclaringType != typeof(Module);

    private static bool TakesSeveral(Type type) =>
        type.GetMethod(nameof(Forward), [typeof(Tensor[])])?.DeclaringType != typeof(Module);
}
