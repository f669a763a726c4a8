namespace FunctionalDL;

/// <summary>A callback failed. Its own error is the inner exception.</summary>
public sealed class CallbackException : Exception
{
    internal CallbackException(string callback, FitEvent at, string where, Exception inner)
        : base($"callback {callback} failed in {at}{where}: {inner.Message}", inner) =>
        (Callback, Event) = (callback, at);

    /// <summary>The name of the callback.</summary>
    public string Callback { get; }

    /// <summary>The event at which it failed.</summary>
    public FitEvent Event { get; }
}
