namespace FunctionalDL.Interop;

/// <summary>
/// What travels with a call instead of lying in the modules: whether gradients are wanted; while a module is
/// traced into a pure function, what its cells stand for; the call's randomness; and what it wrote to buffers. It
/// flows with the logical thread, so that many threads may run one module at once.
/// </summary>
internal sealed record Ambient
{
    private static readonly AsyncLocal<Ambient?> Local = new();
    private static readonly Ambient Default = new();

    public static Ambient Current => Local.Value ?? Default;

    public bool WantsGradients { get; private init; } = true;

    public Binding? Binding { get; private init; }

    /// <summary>The randomness of the call; null when each module has its own.</summary>
    public CallKeys? Keys { get; private init; }

    /// <summary>What the call that is under way wrote to buffers; null outside a call.</summary>
    public PendingWrites? Writes { get; private init; }

    /// <summary>Told of the output of each module that is called.</summary>
    public Action<Module, Tensor>? Watch { get; private init; }

    /// <summary>
    /// Where the variables of backward hooks are collected, while tensors do not carry them themselves.
    /// </summary>
    public List<Variable>? Probes { get; private init; }

    /// <summary>Until the result is disposed, no gradients are wanted.</summary>
    public static IDisposable WithoutGradients() => Enter(Current with { WantsGradients = false });

    /// <summary>Until the result is disposed, gradients are wanted.</summary>
    public static IDisposable WithGradients() => Enter(Current with { WantsGradients = true });

    /// <summary>Until the result is disposed, cells stand for what the binding says.</summary>
    public static IDisposable Bound(Binding binding) => Enter(Current with { Binding = binding, Keys = binding.Keys });

    /// <summary>Until the result is disposed, modules draw from these keys.</summary>
    public static IDisposable Drawing(CallKeys keys) => Enter(Current with { Keys = keys });

    /// <summary>Until the result is disposed, what is written to buffers is noted here.</summary>
    public static IDisposable Writing(PendingWrites writes) => Enter(Current with { Writes = writes });

    /// <summary>Until the result is disposed, this is told of the output of each module.</summary>
    public static IDisposable Watching(Action<Module, Tensor> watch) => Enter(Current with { Watch = watch });

    /// <summary>Until the result is disposed, the variables of backward hooks are collected here.</summary>
    public static IDisposable Probing(List<Variable> probes) => Enter(Current with { Probes = probes });

    private static Scope Enter(Ambient ambient)
    {
        var scope = new Scope(Local.Value);
        Local.Value = ambient;
        return scope;
    }

    private sealed class Scope(Ambient? before) : IDisposable
    {
        private bool _left;

        public void Dispose()
        {
            if (!_left)
            {
                _left = true;
                Local.Value = before;
            }
        }
    }
}
