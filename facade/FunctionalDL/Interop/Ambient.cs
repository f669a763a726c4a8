namespace FunctionalDL.Interop;

/// <summary>
/// What travels with a call instead of lying in the modules: whether gradients are wanted, and, while a
/// module is traced into a pure function, what its cells stand for. It flows with the logical thread, so that
/// many threads may run one module at once.
/// </summary>
internal sealed class Ambient
{
    private static readonly AsyncLocal<Ambient?> Local = new();

    private Ambient(bool wantsGradients, Binding? binding) => (WantsGradients, Binding) = (wantsGradients, binding);

    public static Ambient Current => Local.Value ?? Default;

    private static Ambient Default { get; } = new(true, null);

    public bool WantsGradients { get; }

    public Binding? Binding { get; }

    /// <summary>Until the result is disposed, no gradients are wanted.</summary>
    public static IDisposable WithoutGradients() => Enter(new Ambient(false, Current.Binding));

    /// <summary>Until the result is disposed, cells stand for what the binding says.</summary>
    public static IDisposable Bound(Binding binding) => Enter(new Ambient(Current.WantsGradients, binding));

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
