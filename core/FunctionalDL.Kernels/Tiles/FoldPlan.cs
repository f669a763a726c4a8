namespace FunctionalDL.Kernels.Tiles;

/// <summary>How tiles lie in the space [outer, reduced, inner] of a fold.</summary>
internal enum FoldLayout
{
    /// <summary>A tile covers one or more whole [reduced, inner] planes.</summary>
    Planes,

    /// <summary>
    /// A tile covers one or more whole rows [inner], or, if inner is 1, a part of the reduced elements.
    /// </summary>
    Rows,

    /// <summary>A tile covers a part of one row.</summary>
    Columns,
}

/// <summary>
/// How a fold is cut into units of work, from the sizes alone. A unit is the fold of one section of the
/// reduced dimension for one range of results; sections of the same results are combined afterwards.
/// </summary>
internal sealed class FoldPlan
{
    /// <summary>The most tiles in a section: 64 K elements.</summary>
    private const int SectionTiles = 64;

    /// <summary>
    /// The tiles after which lanes are folded where a section has one result: the lanes' own sums stay short (64 elements of
    /// 32 bits, whatever the width), and folding them costs little.
    /// </summary>
    public static int ChunkTiles => Machine.VectorBits / 64;

    public FoldPlan(long outer, long reduced, long inner)
    {
        Outer = outer;
        Reduced = reduced;
        Inner = inner;
        if (reduced * inner <= TileProgram.TileSize)
        {
            Layout = FoldLayout.Planes;
            RowsPerTile = reduced;
            Width = inner;
            PlanesPerUnit = Math.Max(1, TileProgram.TileSize / Math.Max(1, reduced * inner));
            Sections = 1;
            SectionRows = reduced;
            Units = (outer + PlanesPerUnit - 1) / PlanesPerUnit;
            ColumnTiles = 1;
        }
        else
        {
            Layout = inner <= TileProgram.TileSize ? FoldLayout.Rows : FoldLayout.Columns;
            Width = Math.Min(inner, TileProgram.TileSize);
            RowsPerTile = TileProgram.TileSize / Width;
            ColumnTiles = (inner + Width - 1) / Width;
            long tiles = (reduced + RowsPerTile - 1) / RowsPerTile;
            Sections = (tiles + SectionTiles - 1) / SectionTiles;
            SectionRows = (tiles + Sections - 1) / Sections * RowsPerTile;
            Sections = (reduced + SectionRows - 1) / SectionRows;
            Units = outer * ColumnTiles * Sections;
            PlanesPerUnit = 1;
        }

        UnitElements = Layout == FoldLayout.Planes ? PlanesPerUnit * reduced * inner : SectionRows * Width;
    }

    public long Outer { get; }

    public long Reduced { get; }

    public long Inner { get; }

    public FoldLayout Layout { get; }

    public long RowsPerTile { get; }

    /// <summary>The results that one tile contributes to, for each plane.</summary>
    public long Width { get; }

    public long PlanesPerUnit { get; }

    public long ColumnTiles { get; }

    /// <summary>The sections of the reduced dimension.</summary>
    public long Sections { get; }

    public long SectionRows { get; }

    public long Units { get; }

    /// <summary>The elements that a full unit reads.</summary>
    public long UnitElements { get; }

    /// <summary>
    /// Elements that fold kernels may read behind a tile: they finish a vector when a segment or row is
    /// shorter.
    /// </summary>
    public int Overread
    {
        get
        {
            long shortest = Inner > 1 ? Inner % TileProgram.TileSize : Reduced % TileProgram.TileSize;
            return shortest is > 0 and < TileProgram.Grain ? TileProgram.Grain : 0;
        }
    }
}
