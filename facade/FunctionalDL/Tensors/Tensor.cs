using System.Diagnostics;
using System.Runtime.InteropServices;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// A multi-dimensional array of numbers: an immutable value, with nothing to dispose. An operation checks
/// shapes and types at once (<see cref="ShapeException"/>, <see cref="DTypeException"/>) and computes
/// nothing; numbers are computed when somebody looks: <see cref="Item"/>, <see cref="ToArray"/>, printing, a
/// debugger. Looking changes nothing. Negative axes count from the end. Two operands broadcast as in PyTorch;
/// their types meet in the wider one.
/// </summary>
[DebuggerDisplay("{ToString(),nq}")]
public sealed partial class Tensor
{
    private Core.Tensor _inner;
    private Sources? _sources;
    private bool _isReleased;

    internal Tensor(Core.Tensor inner, Sources? sources = null) => (_inner, _sources) = (inner, sources);

    /// <summary>The core's tensor, which this one only wraps.</summary>
    internal Core.Tensor Inner => _inner;

    /// <summary>The parameters that it was computed from; null for none.</summary>
    internal Sources? Sources => _sources;

    /// <summary>The sizes of the axes, outermost first.</summary>
    public Shape Shape => new(_inner.Shape);

    /// <summary>The type of the elements.</summary>
    public DType DType => _inner.DType.ToFacade();

    /// <summary>The number of axes.</summary>
    public int Rank => _inner.Rank;

    /// <summary>The number of elements.</summary>
    public int Size => _inner.Shape.Size;

    /// <summary>
    /// How many elements lie between neighbours on each axis; 0 where one element is read again and again, as after
    /// <see cref="Expand"/>. Stretching, permuting and slicing copy nothing as long as nobody looks at the result itself, which
    /// then has its elements one after the other.
    /// </summary>
    public IReadOnlyList<long> Stride() => [.. Layout.strides(_inner)];

    /// <summary>How many elements the memory has that the tensor is read from: fewer than its own after <see cref="Expand"/>.</summary>
    public int StorageLength => Layout.storageLength(_inner);

    /// <summary>
    /// Whether it was computed from a parameter that wants a gradient, so that <see cref="Backward"/> reaches
    /// one.
    /// </summary>
    public bool RequiresGrad => _sources is not null;

    /// <summary>The only element, whatever its type.</summary>
    /// <exception cref="ShapeException">There are more elements or fewer than one.</exception>
    public double Item() => TensorModule.item(_inner);

    /// <summary>The only element, as one of .NET's types; real numbers are cut towards zero for whole ones.</summary>
    /// <typeparam name="T">float, double, int, long, byte or bool.</typeparam>
    /// <exception cref="ShapeException">There are more elements or fewer than one.</exception>
    /// <exception cref="DTypeException"><typeparamref name="T"/> is another type.</exception>
    public T Item<T>()
        where T : unmanaged =>
        Size == 1
            ? ToArray<T>()[0]
            : throw new ShapeException($"item: shape {_inner.Shape} has {Size} elements; it needs one");

    /// <summary>
    /// A copy of the elements, row-major (the last axis runs fastest). They are converted when
    /// <typeparamref name="T"/> is not the tensor's own type; real numbers become whole ones by cutting towards zero.
    /// </summary>
    /// <typeparam name="T">float, double, int, long, byte or bool.</typeparam>
    /// <exception cref="DTypeException"><typeparamref name="T"/> is another type.</exception>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        var array = new T[Size];
        CopyTo<T>(array);
        return array;
    }

    /// <summary>Copies the elements, as <see cref="ToArray"/> gives them, to memory of the caller's.</summary>
    /// <typeparam name="T">float, double, int, long, byte or bool.</typeparam>
    /// <param name="destination">At least as long as the tensor; what is behind its elements stays.</param>
    /// <exception cref="DTypeException"><typeparamref name="T"/> is another type.</exception>
    /// <exception cref="ShapeException">The memory is too short.</exception>
    public void CopyTo<T>(Span<T> destination)
        where T : unmanaged
    {
        if (destination.Length < Size)
        {
            throw new ShapeException(
                $"copy: {Size} elements of shape {_inner.Shape} do not fit into {destination.Length} places");
        }

        TensorModule.toStorage(TensorModule.cast(Fs.DTypeOf<T>().ToCore(), _inner))
            .Read(MemoryMarshal.AsBytes(destination[..Size]));
    }

    /// <summary>The elements, computed, as PyTorch prints them: <c>tensor([1., 2.])</c>.</summary>
    public override string ToString() => _inner.ToString();

    /// <summary>The same elements as a constant of every derivative.</summary>
    public Tensor Detach() => new(TensorModule.stopGradient(_inner));

    /// <summary>
    /// The elements as another type. Real numbers become whole ones by cutting towards zero.
    /// </summary>
    /// <param name="dtype">The type wanted.</param>
    public Tensor To(DType dtype) => dtype == DType ? this : Make(TensorModule.cast(dtype.ToCore(), _inner));

    /// <summary>
    /// Computes the gradients of this tensor, a single number, with respect to every parameter that it was
    /// computed from (outside <see cref="Autograd.NoGrad"/>), and adds them to <see cref="Parameter.Grad"/>.
    /// Afterwards it forgets how it was computed, so that the memory of the pass is free; its value stays.
    /// </summary>
    /// <param name="retainGraph">Keep how it was computed, to call this again.</param>
    /// <exception cref="ShapeException">It has more than one element: take the sum or mean first.</exception>
    /// <exception cref="InvalidOperationException">
    /// It was not computed from a parameter that wants a gradient.
    /// </exception>
    public void Backward(bool retainGraph = false)
    {
        if (_sources is null)
        {
            throw new InvalidOperationException(
                _isReleased
                    ? "backward: it was called before and has released the graph; pass retainGraph: true the first time"
                    : "backward: the tensor was not computed from a parameter that wants a gradient; was it computed "
                        + "under Autograd.NoGrad(), or from values that were detached?");
        }

        var (variables, writes) = _sources.Walk();
        var gradients = Eager.gradients(_inner, [.. variables.Select(v => v.Inner)]);
        var sums = new Dictionary<Parameter, Tensor>();
        var received = new List<(Action<Tensor> Receive, Tensor Gradient)>();

        // An option's None is null.
        foreach (var (variable, gradient) in variables.Zip(gradients).Where(x => x.Second is not null))
        {
            var found = new Tensor(gradient.Value);

            if (variable.Owner is { } owner)
            {
                var before = sums.GetValueOrDefault(owner) ?? owner.Grad;
                sums[owner] = before is null ? found : before + found;
            }
            else if (variable.Receive is { } receive)
            {
                received.Add((receive, found));
            }
        }

        // Together: the forward pass that loss and gradients share is computed once.
        Fs.Evaluate(
            [_inner, .. sums.Values.Select(g => g._inner), .. received.Select(r => r.Gradient._inner), .. writes]);

        foreach (var (owner, sum) in sums)
        {
            owner.Grad = sum;
        }

        if (!retainGraph)
        {
            _inner = TensorModule.ofStorage(TensorModule.toStorage(_inner));
            _sources = null;
            _isReleased = true;
        }

        // From the loss towards the inputs, as gradients come.
        for (var i = received.Count - 1; i >= 0; i--)
        {
            received[i].Receive(received[i].Gradient);
        }
    }

    /// <summary>Its elements pressed between two limits by a sigmoid, as networks for tables do with their outputs.</summary>
    internal Tensor Pressed(double low, double high) => Make(Core.Tabular.press(low, high, _inner));

    /// <summary>A result of an operation on this tensor alone.</summary>
    private Tensor Make(Core.Tensor result) => new(result, _sources);

    /// <summary>A result of an operation on this tensor and another.</summary>
    private Tensor Make(Core.Tensor result, Tensor other) => new(result, Sources.Union(_sources, other._sources));
}
