namespace FunctionalDL;

/// <summary>What becomes of the losses of the items of a batch.</summary>
public enum Reduction
{
    /// <summary>Their mean.</summary>
    Mean,

    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>Nothing: one for each item.</summary>
    None,

    /// <summary>Their sum, divided by the size of the first axis.</summary>
    BatchMean,
}
