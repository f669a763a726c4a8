namespace FunctionalDL.Core

/// A layer written by a user, or a C# module: functions instead of data.
[<NoComparison; CustomEquality>]
type CustomLayer = {
    /// What it is called in messages.
    Name: string
    /// First variables, for inputs of these shapes.
    Init: Key -> Shape list -> Variables
    /// Outputs and new state. Pure.
    Apply: Call -> Tensor list -> Tensor list * Tree<Tensor>
} with

    override this.Equals other = obj.ReferenceEquals(this, other)
    override this.GetHashCode() = hash this.Name

/// A function as a layer without variables.
[<NoComparison; CustomEquality>]
type LambdaLayer = {
    /// What it is called in messages.
    Name: string
    Function: Tensor -> Tensor
} with

    override this.Equals other = obj.ReferenceEquals(this, other)
    override this.GetHashCode() = hash this.Name

/// Which inputs the branches of `Parallel` are given.
[<RequireQualifiedAccess>]
type Route =
    /// Each branch gets all inputs.
    | All
    /// Each branch gets the input of its number.
    | OneEach
    /// Each branch gets the column of its number, of the one input `[items; columns]`.
    | Columns

/// What becomes of the outputs of the branches of `Parallel`.
[<RequireQualifiedAccess>]
type Join =
    /// All of them are outputs, in order.
    | Separate
    /// Their sum.
    | Sum
    /// Their product, element by element.
    | Product
    /// One after the other along an axis.
    | Concat of axis: int

/// A layer is data: it can be looked at, compared and matched on. `Layer.init` and `Layer.apply` say what it
/// does. Parameters and state have the names of PyTorch's `state_dict`.
[<NoComparison>]
type Layer =
    /// `x · weightᵀ + bias`, weight `[outFeatures; inFeatures]`.
    | Linear of inFeatures: int * outFeatures: int * bias: bool
    | Bilinear of BilinearSpec
    | Conv of ConvSpec
    | ConvTranspose of ConvTransposeSpec
    | Embedding of EmbeddingSpec
    | BatchNorm of BatchNormSpec
    | LayerNorm of LayerNormSpec
    | GroupNorm of GroupNormSpec
    /// Each item normalised as a batch of its own.
    | InstanceNorm of BatchNormSpec
    | Dropout of DropoutSpec
    | Pool of PoolSpec
    /// `max(x, 0)`.
    | ReLU
    | Activation of ActivationFunction
    /// All axes from `startDim` on as one.
    | Flatten of startDim: int
    /// The same elements under another shape, the batch's axis included; one size may be -1.
    | View of shape: int list
    | Lambda of LambdaLayer
    | Recurrent of RecurrentSpec
    | MultiheadAttention of MultiheadAttentionSpec
    /// One of several inputs.
    | Choose of index: int
    /// One after the other, each under its name.
    | Sequential of (string * Layer) list
    | Residual of ResidualSpec
    | Parallel of ParallelSpec
    | Custom of CustomLayer

/// `after (body x + shortcut x)`: layers one after the other, what goes around them (the input itself when
/// there is nothing), and layers behind the sum. The names of all are of one level. K. He, X. Zhang, S. Ren, J.
/// Sun, "Deep residual learning for image recognition", CVPR 2016.
and [<NoComparison>] ResidualSpec = {
    Body: (string * Layer) list
    Shortcut: (string * Layer) option
    After: (string * Layer) list
}

/// Layers side by side, and layers behind what they give together. The names of all are of one level.
and [<NoComparison>] ParallelSpec = {
    Branches: (string * Layer) list
    Route: Route
    Join: Join
    After: (string * Layer) list
}
