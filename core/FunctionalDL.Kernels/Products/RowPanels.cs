namespace FunctionalDL.Kernels.Products;

/// <summary>
/// Rows cut into panels of nearly equal height: 13 rows make 7 and 6, for a panel of 1 would waste the pipeline.
/// </summary>
internal readonly struct RowPanels
{
    public readonly int Rows;
    public readonly int Count;
    private readonly int _height;
    private readonly int _higher;

    public RowPanels(int rows, int most)
    {
        Rows = rows;
        Count = ProductPlan.CeilDiv(rows, most);
        (_height, _higher) = Count == 0 ? (0, 0) : Math.DivRem(rows, Count);
    }

    public RowPanels(int rows)
        : this(rows, ProductPlan.MaxTileRows)
    {
    }

    public int Height(int panel) => panel < _higher ? _height + 1 : _height;
}
