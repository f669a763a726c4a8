namespace FunctionalDL;

/// <summary>
/// Something that a module does at each <see cref="Module.Call"/> besides computing, until this is disposed: <c>using var hook =
/// model.HookOutput();</c>. While a network has hooks its steps run uncompiled, with the same bits.
/// </summary>
public sealed class Hook : IDisposable
{
    private static int _alive;
    private readonly Module _module;
    private int _isRemoved;

    internal Hook(Module module)
    {
        _module = module;
        Interlocked.Increment(ref _alive);
    }

    /// <summary>Whether any network may have hooks, so that it has to be looked through.</summary>
    internal static bool AnyAlive => Volatile.Read(ref _alive) > 0;

    /// <summary>What a hook made by <see cref="Module.HookOutput"/> saw last; null before the first call.</summary>
    public Tensor? Stored { get; internal set; }

    /// <summary>Whether it was removed.</summary>
    public bool IsRemoved => _isRemoved != 0;

    internal Action<Module, IReadOnlyList<Tensor>>? BeforeForward { get; init; }

    internal Action<Module, IReadOnlyList<Tensor>, Tensor>? AfterForward { get; init; }

    internal Func<Module, IReadOnlyList<Tensor>, Tensor, Tensor>? Replace { get; init; }

    internal Action<Module, Tensor>? AfterBackward { get; init; }

    /// <summary>Removes the hook; again does nothing.</summary>
    public void Remove()
    {
        if (Interlocked.Exchange(ref _isRemoved, 1) == 0)
        {
            Interlocked.Decrement(ref _alive);
            _module.Forget(this);
        }
    }

    /// <inheritdoc cref="Remove"/>
    public void Dispose() => Remove();
}
