namespace FunctionalDL;

/// <summary>What kind of values a column of a <see cref="Table"/> holds.</summary>
public enum ColumnKind
{
    /// <summary>Numbers.</summary>
    Reals,

    /// <summary>Whole numbers, of which none is missing: a column that misses one is of <see cref="Reals"/>.</summary>
    Integers,

    /// <summary>Yes or no, of which none is missing: a column that misses one is of <see cref="Texts"/>.</summary>
    Flags,

    /// <summary>Moments.</summary>
    Dates,

    /// <summary>Texts.</summary>
    Texts,
}
