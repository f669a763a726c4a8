namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// Pictures of one or two axes as flat planes in a thread's scratch memory, in which a convolution needs no copies
/// of its windows: rows are padded on one side to one pitch, and x is cut by the stride (<see cref="FlatAxis"/>), so
/// that what tap k meets at place q of the output is at q + offset(k) of a plane, for all q of a block in one run.
/// Places between the rows of the output are computed too, and left out.
/// </summary>
/// <remarks>
/// A block is some pictures, or some rows of one. It keeps the reach of the taps on the outer axis in further rows
/// after (x) or before (y, when the input is computed) its own.
/// </remarks>
internal sealed unsafe class FlatPictures<T>
    where T : unmanaged
{
    /// <summary>What a block may take of the second-level cache.</summary>
    private const long BlockBytes = 320 << 10;

    /// <summary>What a block of one row may take, if rows are longer than that.</summary>
    private const long MostRowBytes = 2 << 20;

    /// <summary>Blocks that there should be at least, if there are as many pictures, to share among threads.</summary>
    private const int EnoughBlocks = 32;

    /// <summary>Places that a block should have at least, to fill vectors.</summary>
    private const int EnoughPlaces = 256;

    private readonly ConvolutionShape _shape;
    private readonly int _spaceAfter;
    private readonly int _inputSize;
    private readonly int _outputSize;

    /// <param name="shape">The convolution.</param>
    /// <param name="part">What is computed: blocks share the rows of the output, or of x's planes.</param>
    /// <param name="spaceAfter">The elements that may be read behind the last place.</param>
    public FlatPictures(ConvolutionShape shape, ConvolutionPart part, int spaceAfter)
    {
        _shape = shape;
        _spaceAfter = spaceAfter;
        _inputSize = shape.InputSize;
        _outputSize = shape.OutputSize;
        Outer = shape.Rank == 2 ? FlatAxis.Of(shape, 0) : FlatAxis.Single;
        Inner = FlatAxis.Of(shape, shape.Rank - 1);
        bool isInput = part == ConvolutionPart.Input;
        Span = isInput ? Outer.MetPlaces : Outer.Output;
        long planes = (long)shape.GroupChannels * (isInput ? 1 : PlanesOfChannel) + shape.GroupFilters;
        long places = BlockBytes / (Math.Max(1, planes) * sizeof(T));
        long rows = places / Math.Max(1, RowPitch) - Outer.Reach;
        Rows = (int)Math.Clamp(rows, 1, Math.Max(1, Span));
        // All blocks of nearly equal height.
        Strips = (Span + Rows - 1) / Rows;
        Rows = Strips == 0 ? Rows : (Span + Strips - 1) / Strips;
        PicturePitch = (Rows + Outer.Reach) * RowPitch;
        long wanted = Math.Max((shape.Batch - 1) / EnoughBlocks + 1, EnoughPlaces / Math.Max(1, PicturePitch));
        long fitting = Math.Max(1, places / Math.Max(1, PicturePitch));
        Pictures = Strips > 1 ? 1 : (int)Math.Clamp(Math.Min(wanted, fitting), 1, Math.Max(1, shape.Batch));
        PictureBlocks = (shape.Batch + Pictures - 1) / Pictures;
    }

    /// <summary>Whether the planes of a convolution are small enough, by the row, to be kept by a block.</summary>
    public static bool Fit(ConvolutionShape shape)
    {
        if (shape.Rank is not (1 or 2))
            return false;
        long rows = shape.Rank == 1 ? 1 : 1 + FlatAxis.Of(shape, 0).Reach;
        long planes = (long)shape.GroupChannels * shape.Stride[0] * shape.Stride[^1] + shape.GroupFilters;
        return planes * rows * FlatAxis.Of(shape, shape.Rank - 1).Length * sizeof(T) <= MostRowBytes;
    }

    public FlatAxis Outer { get; }

    public FlatAxis Inner { get; }

    /// <summary>The rows of a picture that blocks share.</summary>
    public int Span { get; }

    /// <summary>The most rows of a block.</summary>
    public int Rows { get; }

    /// <summary>The blocks that a picture is cut into; if there are several, a block has one picture.</summary>
    public int Strips { get; }

    /// <summary>The most pictures of a block.</summary>
    public int Pictures { get; }

    public int PictureBlocks { get; }

    /// <summary>The elements from one row of a plane to the next.</summary>
    public int RowPitch => Inner.Length;

    /// <summary>The elements from one picture of a plane to the next.</summary>
    public int PicturePitch { get; }

    /// <summary>Elements before the first place that the taps of a row reach.</summary>
    public int SpaceBefore => Inner.Reach;

    /// <summary>The elements from one plane to the next: whole cache lines, an odd number of them.</summary>
    public int PlanePitch
    {
        get
        {
            int line = 64 / sizeof(T);
            int lines = checked(SpaceBefore + Pictures * PicturePitch + _spaceAfter + line - 1) / line;
            return (lines | 1) * line;
        }
    }

    /// <summary>The planes that one channel of x is cut into.</summary>
    public int PlanesOfChannel => Outer.Planes.Length * Inner.Planes.Length;

    /// <summary>Where a tap meets the planes of x's first channel, from the output's place on.</summary>
    public int OffsetOf(int outerTap, int innerTap)
    {
        int outer = Array.IndexOf(Outer.Planes, Outer.Residues[outerTap]);
        int inner = Array.IndexOf(Inner.Planes, Inner.Residues[innerTap]);
        return (outer * Inner.Planes.Length + inner) * PlanePitch + ReachOf(outerTap, innerTap);
    }

    /// <summary>How far a tap is from the output's place in its plane.</summary>
    public int ReachOf(int outerTap, int innerTap) => Outer.Offsets[outerTap] * RowPitch + Inner.Offsets[innerTap];

    /// <summary>The pictures and rows of a block.</summary>
    public FlatBlock BlockOf(int block)
    {
        (int pictures, int strip) = Math.DivRem(block, Strips);
        int picture = pictures * Pictures;
        int row = strip * Rows;
        return new(picture, Math.Min(Pictures, _shape.Batch - picture), row, Math.Min(Rows, Span - row));
    }

    /// <summary>
    /// Planes [channels, planes of a channel] of x for a block, from its first row on with the reach of the taps;
    /// zero wherever x is not.
    /// </summary>
    public void SpreadInput(T* x, int channel, int channels, in FlatBlock block, T* target)
    {
        new Span<T>(target, channels * PlanesOfChannel * PlanePitch).Clear();
        int width = Inner.Input;
        for (int c = 0; c < channels; c++)
        {
            foreach (int outer in Outer.Planes)
            {
                (int firstRow, int atRow, int rows) = Outer.PlacesOf(outer);
                int skipped = Math.Clamp(block.Row - atRow, 0, rows);
                int end = Math.Clamp(block.Row + block.Rows + Outer.Reach - atRow, skipped, rows);
                foreach (int inner in Inner.Planes)
                {
                    (int first, int at, int count) = Inner.PlacesOf(inner);
                    for (int b = 0; b < block.Pictures; b++)
                    {
                        T* picture = x + ((long)(block.Picture + b) * _shape.Channels + channel + c) * _inputSize;
                        T* from = picture + (long)(firstRow + skipped * Outer.Stride) * width + first;
                        T* to = target + b * PicturePitch + (atRow + skipped - block.Row) * RowPitch + at;
                        RowCopies.Run(
                            from, (long)Outer.Stride * width, Inner.Stride, to, RowPitch, 1, end - skipped, count);
                    }

                    target += PlanePitch;
                }
            }
        }
    }

    /// <summary>
    /// Planes [filters] of y for a block: <paramref name="rows"/> rows from <paramref name="row"/> on, which may lie
    /// outside; zero wherever y is not.
    /// </summary>
    public void SpreadOutput(T* y, int filter, int filters, in FlatBlock block, int row, int rows, T* target)
    {
        new Span<T>(target, filters * PlanePitch).Clear();
        int width = Inner.Output;
        int first = Math.Max(0, row), end = Math.Min(Outer.Output, row + rows);
        for (int f = 0; f < filters; f++, target += PlanePitch)
        {
            for (int b = 0; b < block.Pictures; b++)
            {
                T* from = y + ((long)(block.Picture + b) * _shape.Filters + filter + f) * _outputSize + (long)first * width;
                T* to = target + SpaceBefore + b * PicturePitch + (first - row) * RowPitch;
                RowCopies.Run(from, width, 1, to, RowPitch, 1, end - first, width);
            }
        }
    }

    /// <summary>The rows of a block's outputs, [filters] planes that are <paramref name="pitch"/> apart, to y.</summary>
    public void GatherOutput(T* source, long pitch, int filter, int filters, in FlatBlock block, T* y)
    {
        int width = Inner.Output;
        for (int f = 0; f < filters; f++, source += pitch)
        {
            for (int b = 0; b < block.Pictures; b++)
            {
                long plane = (long)(block.Picture + b) * _shape.Filters + filter + f;
                T* to = y + plane * _outputSize + (long)block.Row * width;
                T* from = source + b * PicturePitch;
                RowCopies.Run(from, RowPitch, 1, to, width, 1, block.Rows, width);
            }
        }
    }

    /// <summary>
    /// The planes of one residue on each axis, [channels] planes that are <paramref name="pitch"/> apart, to the
    /// places of x that they stand for. The last block also writes zeros where no tap reaches.
    /// </summary>
    public void GatherInput(
        T* source, long pitch, int outer, int inner, int channel, int channels, in FlatBlock block, T* x)
    {
        int width = Inner.Input;
        (int firstRow, int atRow, int rows) = Outer.PlacesOf(outer);
        (int first, int at, int count) = Inner.PlacesOf(inner);
        int skipped = Math.Clamp(block.Row - atRow, 0, rows);
        int end = Math.Clamp(block.Row + block.Rows - atRow, skipped, rows);
        int beyond = block.Row + block.Rows == Span ? PlacesFrom(Outer, firstRow) : end;
        int columns = PlacesFrom(Inner, first);
        for (int c = 0; c < channels; c++, source += pitch)
        {
            for (int b = 0; b < block.Pictures; b++)
            {
                T* picture = x + ((long)(block.Picture + b) * _shape.Channels + channel + c) * _inputSize;
                T* to = picture + (long)(firstRow + skipped * Outer.Stride) * width + first;
                T* from = source + b * PicturePitch + (atRow + skipped - block.Row) * RowPitch + at;
                long apart = (long)Outer.Stride * width;
                RowCopies.Run(from, RowPitch, 1, to, apart, Inner.Stride, end - skipped, count);
                Clear(to + (long)count * Inner.Stride, apart, end - skipped, columns - count);
                Clear(to + (end - skipped) * apart, apart, beyond - end, columns);
            }
        }
    }

    private void Clear(T* target, long row, int rows, int count)
    {
        for (int r = 0; r < rows; r++, target += row)
        {
            for (int i = 0; i < count; i++)
                target[(long)i * Inner.Stride] = default;
        }
    }

    /// <summary>The places of x from one on that are the stride apart, reached or not.</summary>
    private static int PlacesFrom(FlatAxis axis, int first) =>
        first < axis.Input ? (axis.Input - 1 - first) / axis.Stride + 1 : 0;
}

/// <summary>Some pictures, or some rows of one.</summary>
/// <param name="Picture">The first picture.</param>
/// <param name="Pictures">How many there are.</param>
/// <param name="Row">The first row.</param>
/// <param name="Rows">How many there are.</param>
internal readonly record struct FlatBlock(int Picture, int Pictures, int Row, int Rows);
