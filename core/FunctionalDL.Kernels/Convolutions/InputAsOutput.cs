namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The input as the output of other convolutions: of y, with stride 1, with the weights' channels and filters
/// exchanged and their taps reversed. A stride cuts x and the taps into phases, one convolution each, so that
/// no zeros are multiplied.
/// </summary>
internal sealed class InputAsOutput : ConvolutionKernel
{
    private readonly Phase[] _phases;
    private readonly int _elementSize;
    private readonly long _weightBytes;
    private readonly long _placeBytes;

    /// <param name="shape">The convolution whose input is computed.</param>
    /// <param name="choose">Gives the algorithm for the output of a convolution.</param>
    public InputAsOutput(ConvolutionShape shape, Func<ConvolutionShape, ConvolutionKernel> choose)
        : base(shape, ConvolutionPart.Input)
    {
        _elementSize = ElementTypes.Size(shape.Element);
        IEnumerable<AxisPhase[]> combinations = [[]];
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            AxisPhase[] phases = [.. AxisPhase.Of(shape, axis)];
            combinations = combinations.SelectMany(before => phases.Select(phase => before.Append(phase).ToArray()));
        }

        _phases = [.. combinations.Select(axes => new Phase(shape, axes, choose))];
        _weightBytes = Aligned(_phases.Max(phase => phase.Weights));
        _placeBytes = _phases.Length == 1 ? 0 : Aligned(_phases.Max(phase => phase.Places));
    }

    public override string Name => _phases.Length == 1
        ? $"as output: {_phases[0].Kernel.Name}"
        : $"as output in {_phases.Length} phases: {_phases[^1].Kernel.Name}";

    public override long ScratchBytes =>
        _weightBytes + _placeBytes + _phases.Max(phase => phase.Kernel.ScratchBytes);

    public override void Execute(int block, int worker) => throw new NotSupportedException();

    protected override void Run(WorkerPool pool)
    {
        nint weights = At.Scratch;
        nint places = weights + (nint)_weightBytes;
        nint rest = places + (nint)_placeBytes;
        bool isWhole = _phases.Length == 1;
        foreach (Phase phase in _phases)
        {
            nint from = At.W + (nint)(phase.WeightStart * _elementSize);
            Copies.Strided(pool, _elementSize, phase.WeightSizes, from, phase.WeightFrom, weights, phase.WeightTo);
            nint target = isWhole ? At.X : places;
            phase.Kernel.Run(pool, new ConvolutionOperands(At.Y, weights, target, rest));
            if (isWhole)
                return;
            nint to = At.X + (nint)(phase.PlaceStart * _elementSize);
            Copies.Strided(pool, _elementSize, phase.PlaceSizes, places, phase.PlaceFrom, to, phase.PlaceTo);
        }
    }

    private long Aligned(long elements) => (elements * _elementSize + 63) & ~63L;

    /// <summary>One of the convolutions, which weights it takes, and where its output belongs.</summary>
    private sealed class Phase
    {
        public Phase(ConvolutionShape shape, AxisPhase[] axes, Func<ConvolutionShape, ConvolutionKernel> choose)
        {
            int groups = shape.Groups, channels = shape.GroupChannels, filters = shape.GroupFilters;
            int[] counts = [.. axes.Select(axis => axis.Count)];
            int[] taps = [.. axes.Select(axis => axis.Taps)];
            Kernel = choose(
                new ConvolutionShape(
                    shape.Element, shape.Batch, groups, shape.Filters, shape.Channels, shape.Output, taps,
                    [.. axes.Select(_ => 1)], [.. axes.Select(axis => axis.PaddingBefore)],
                    [.. axes.Select(axis => axis.Dilation)], counts));

            long[] tapSteps = RowMajor(shape.Kernel);
            long all = shape.Taps;
            WeightSizes = [groups, channels, filters, .. taps];
            WeightFrom = [filters * channels * all, all, channels * all,
                .. axes.Zip(tapSteps, (axis, step) => -axis.TapStep * step)];
            WeightTo = RowMajor(WeightSizes);
            WeightStart = axes.Zip(tapSteps, (axis, step) => (axis.FirstTap + (axis.Taps - 1) * axis.TapStep) * step).Sum();

            PlaceSizes = [shape.Batch * shape.Channels, .. counts];
            PlaceFrom = RowMajor(PlaceSizes);
            long[] placeSteps = RowMajor(shape.Input);
            PlaceTo = [shape.InputSize, .. placeSteps.Zip(shape.Stride, (step, stride) => step * stride)];
            PlaceStart = axes.Zip(placeSteps, (axis, step) => axis.First * step).Sum();
        }

        public ConvolutionKernel Kernel { get; }

        public int[] WeightSizes { get; }

        public long[] WeightFrom { get; }

        public long[] WeightTo { get; }

        public long WeightStart { get; }

        public int[] PlaceSizes { get; }

        public long[] PlaceFrom { get; }

        public long[] PlaceTo { get; }

        public long PlaceStart { get; }

        public long Weights => Product(WeightSizes);

        public long Places => Product(PlaceSizes);

        private static long Product(int[] sizes) => sizes.Aggregate(1L, (product, size) => product * size);

        private static long[] RowMajor(int[] sizes)
        {
            long[] steps = new long[sizes.Length];
            long step = 1;
            for (int i = sizes.Length - 1; i >= 0; i--, step *= sizes[i + 1])
                steps[i] = step;
            return steps;
        }
    }
}
