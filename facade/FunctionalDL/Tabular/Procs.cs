using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>What is done with the columns of a table before a network sees them; made by <see cref="Procs"/>.</summary>
public sealed class TabularProc
{
    internal TabularProc(Processor inner) => Inner = inner;

    internal Processor Inner { get; }
}

/// <summary>What takes the place of a missing number.</summary>
public enum FillStrategy
{
    /// <summary>The median of the training rows.</summary>
    Median,

    /// <summary>The value that the training rows have most often.</summary>
    Common,

    /// <summary>A number that is given.</summary>
    Constant,
}

/// <summary>
/// What is done with the columns of a table before a network sees them: learned from the training rows alone, and done in
/// this order.
/// </summary>
public static class Procs
{
    /// <summary>Fills the missing numbers of the continuous columns.</summary>
    /// <param name="fillStrategy">What takes their place.</param>
    /// <param name="addCol">Whether a column of classes, name + <c>_na</c>, tells where they were.</param>
    /// <param name="fillVal">The number of <see cref="FillStrategy.Constant"/>.</param>
    public static TabularProc FillMissing(
        FillStrategy fillStrategy = FillStrategy.Median, bool addCol = true, double fillVal = 0) =>
        new(Processor.NewFillMissing(
            fillStrategy switch
            {
                FillStrategy.Median => Data.FillStrategy.Median,
                FillStrategy.Common => Data.FillStrategy.Common,
                FillStrategy.Constant => Data.FillStrategy.NewConstant(fillVal),
                _ => throw new ArgumentOutOfRangeException(nameof(fillStrategy), fillStrategy, "there is no such strategy"),
            },
            addCol));

    /// <summary>Numbers the classes of the categorical columns: 0 is for what is missing or unknown, sorted values follow.</summary>
    public static TabularProc Categorify { get; } = new(Processor.Categorify);

    /// <summary>Gives the continuous columns mean 0 and standard deviation 1.</summary>
    public static TabularProc Normalize { get; } = new(Processor.Normalize);

    /// <summary>fastai's: <see cref="FillMissing"/>, <see cref="Categorify"/>, <see cref="Normalize"/>.</summary>
    public static IReadOnlyList<TabularProc> Default { get; } = [FillMissing(), Categorify, Normalize];
}

/// <summary>What kind of thing is predicted.</summary>
public sealed class YBlock
{
    private YBlock(TargetKind inner) => Inner = inner;

    internal TargetKind Inner { get; }

    /// <summary>One of several classes.</summary>
    public static YBlock Category { get; } = new(TargetKind.Category);

    /// <summary>Numbers, a column each. Whole numbers that are amounts need it: by themselves they are classes.</summary>
    /// <param name="log">Whether their natural logarithms are learned; predictions are undone from them.</param>
    public static YBlock Regression(bool log = false) => new(TargetKind.NewReal(log));
}
