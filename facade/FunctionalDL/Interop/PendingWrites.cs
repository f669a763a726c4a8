namespace FunctionalDL.Interop;

/// <summary>
/// What a call in eager code wrote to buffers and nobody has computed yet: <c>Backward</c> computes it together with
/// the loss, whose forward pass it shares. Otherwise it is computed, all at once, when a buffer is read again, so that
/// no more than one call is ever waiting.
/// </summary>
internal sealed class PendingWrites
{
    private readonly List<Core.Tensor> _values = [];

    public IReadOnlyList<Core.Tensor> Values => _values;

    public void Add(Core.Tensor value) => _values.Add(value);

    public void Settle() => Fs.Evaluate(_values);
}
