namespace FunctionalDL.Interop;

/// <summary>
/// A variable of a derivative: what a forward pass outside <c>NoGrad</c> read from the cell of its owner; or what a
/// backward hook wants to know the gradient of, and who is told.
/// </summary>
internal sealed record Variable(Parameter? Owner, Core.Tensor Inner, Action<Tensor>? Receive = null);

/// <summary>
/// The variables that a tensor was computed from, and what was written to buffers on the way. Each tensor carries its own, so that <c>Backward</c> needs
/// no hidden tape: nothing is shared between threads, and what belongs to a loss goes when the loss goes. A
/// union is a node with two parts, made in constant time and walked only by <c>Backward</c>.
/// </summary>
internal sealed class Sources
{
    private readonly Variable? _variable;
    private readonly PendingWrites? _writes;
    private readonly Sources? _left;
    private readonly Sources? _right;

    public Sources(Variable variable) => _variable = variable;

    private Sources(PendingWrites writes) => _writes = writes;

    private Sources(Sources left, Sources right) => (_left, _right) = (left, right);

    public static Sources? Union(Sources? a, Sources? b) =>
        a is null || ReferenceEquals(a, b) ? b
        : b is null ? a
        : new Sources(a, b);

    public static Sources? Union(IEnumerable<Sources?> parts) => parts.Aggregate((Sources?)null, Union);

    /// <summary>The same variables, and what was written on the way.</summary>
    public Sources With(PendingWrites writes) => new(this, new Sources(writes));

    /// <summary>
    /// The distinct variables, in the order in which they were first read, and what was written to buffers.
    /// </summary>
    public (IReadOnlyList<Variable> Variables, IReadOnlyList<Core.Tensor> Writes) Walk()
    {
        var found = new List<Variable>();
        var writes = new List<Core.Tensor>();
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var pending = new Stack<Sources>([this]);

        while (pending.TryPop(out var part))
        {
            if (!seen.Add(part))
            {
                continue;
            }

            if (part._variable is { } variable && seen.Add(variable))
            {
                found.Add(variable);
            }

            if (part._writes is not null)
            {
                writes.AddRange(part._writes.Values);
            }

            if (part._left is not null && part._right is not null)
            {
                pending.Push(part._right);
                pending.Push(part._left);
            }
        }

        return (found, writes);
    }
}
