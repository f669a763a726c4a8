using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// What is wanted of an axis between the brackets of <c>x[...]</c>: a position (<c>2</c>, <c>^1</c>), a range (<c>1..3</c>,
/// <c>..</c>), a tensor of positions, or a bool tensor as a mask; or one of the properties here. Positions and ranges are
/// converted by themselves.
/// </summary>
public readonly struct TensorIndex
{
    private readonly Pick? _pick;
    private readonly Range _range;

    private TensorIndex(Pick? pick, Range range = default) => (_pick, _range) = (pick, range);

    /// <summary>A new axis of size 1: PyTorch's <c>None</c>.</summary>
    public static TensorIndex NewAxis { get; } = new(Pick.NewAxis);

    /// <summary>All axes that the other items leave: PyTorch's <c>...</c>.</summary>
    public static TensorIndex Ellipsis { get; } = new(Pick.Rest);

    /// <summary>A position; negative ones count from the end. The axis goes.</summary>
    /// <param name="position">The position.</param>
    public static implicit operator TensorIndex(int position) => new(Pick.NewAt(position));

    /// <summary>A position, which may be counted from the end: <c>^1</c>. The axis goes.</summary>
    /// <param name="position">The position.</param>
    public static implicit operator TensorIndex(Index position) =>
        position.IsFromEnd ? -position.Value : position.Value;

    /// <summary>A range of positions, cut to what there is.</summary>
    /// <param name="range">The range.</param>
    public static implicit operator TensorIndex(Range range) => new(null, range);

    /// <summary>
    /// Positions (int32 or int64; several such tensors broadcast and pick together), or a mask (bool), which
    /// stands for as many axes as it has.
    /// </summary>
    /// <param name="index">The positions or the mask.</param>
    public static implicit operator TensorIndex(Tensor index) =>
        new(index.DType == DType.Bool ? Pick.NewMask(index.Inner) : Pick.NewPositions(index.Inner));

    /// <summary>The positions in an array.</summary>
    /// <param name="positions">The positions; negative ones count from the end.</param>
    public static implicit operator TensorIndex(int[] positions) => Tensor.From(positions);

    /// <summary>Python's <c>start:stop:step</c>.</summary>
    /// <param name="start">The first position; the end that the step comes from when not given.</param>
    /// <param name="stop">Where to stop, without it; the end that the step goes to when not given.</param>
    /// <param name="step">How far to go; below 0 goes backwards.</param>
    public static TensorIndex Slice(int? start = null, int? stop = null, int step = 1) =>
        new(Pick.NewRange(Fs.Option(start), Fs.Option(stop), step));

    /// <summary>What the core is asked for at an axis of this size.</summary>
    internal Pick ToCore(int size)
    {
        if (_pick is not null)
        {
            return _pick;
        }

        var start = Math.Clamp(_range.Start.GetOffset(size), 0, size);
        var end = Math.Clamp(_range.End.GetOffset(size), start, size);
        return Pick.NewRange(Fs.Option<int>(start), Fs.Option<int>(end), 1);
    }

    /// <summary>How many axes the item stands for; null for all that are left.</summary>
    internal int? Axes => _pick switch
    {
        { IsNewAxis: true } => 0,
        { IsRest: true } => null,
        Pick.Mask mask => mask.Item.Rank,
        _ => 1,
    };
}
