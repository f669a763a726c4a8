using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>Whether what is computed remembers how, for <see cref="Tensor.Backward"/>.</summary>
public static class Autograd
{
    /// <summary>Whether reading a parameter gives a variable that gradients may be taken for.</summary>
    public static bool IsEnabled => Ambient.Current.WantsGradients;

    /// <summary>
    /// Until the result is disposed, parameters read on this logical thread are plain values: nothing
    /// remembers how it was computed, and parameters may be given values computed from parameters. Scopes
    /// nest.
    /// </summary>
    /// <example><c>using (Autograd.NoGrad()) { w.Value -= lr * w.Grad!; }</c></example>
    public static IDisposable NoGrad() => Ambient.WithoutGradients();
}
