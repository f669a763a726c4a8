namespace FunctionalDL.Data

/// One change of a picture, all its numbers given. Percentages (`rowPct`, `colPct`) are from 0 to 1: which part is in view.
[<RequireQualifiedAccess>]
type Transform =
    // Coordinates: where things are looked up, one by one.
    /// Each corner moved by `(x, y)`, in the order left top, left bottom, right top, right bottom.
    | PerspectiveWarp of corners: (float * float) list
    /// Each side of the picture tilted by its magnitude; 0 leaves it.
    | SymmetricWarp of right: float * left: float * bottom: float * top: float
    /// One side made longer: 0 right, 1 left, 2 bottom, 3 top.
    | Tilt of direction: int * magnitude: float
    /// One corner moved along one axis: 0 and 1 left top, 2 and 3 left bottom, 4 and 5 right top, 6 and 7 right bottom; even along x.
    | Skew of direction: int * magnitude: float
    /// Each place moved by itself, by up to `magnitude` (1: half the picture) along either axis.
    | Jitter of magnitude: float * seed: int64
    /// As much of the picture as the first of the tries that fits into it: a part of 1/scale of its area, wider by `squish`, or higher
    /// when inverted. When none fits the largest square in the middle.
    | ZoomSquish of tries: ZoomTry list * rowPct: float * colPct: float
    // Affine: composed into one matrix.
    /// Counter-clockwise.
    | Rotate of degrees: float
    | Zoom of scale: float * rowPct: float * colPct: float
    /// Wider below 1, higher above.
    | Squish of scale: float * rowPct: float * colPct: float
    | FlipAffine
    /// One of the eight ways to lay a square on a table: bit 0 mirrors left and right, bit 1 top and bottom, bit 2 both axes.
    | DihedralAffine of k: int
    // Lighting, in the space of logits, so that nothing leaves 0 … 1.
    /// Above 0.5 brighter, below darker.
    | Brightness of change: float
    /// Above 1 more, below less.
    | Contrast of scale: float
    // Pixels: moved or set as they are.
    | FlipLr
    /// Bit 0 turns the order of rows around, bit 1 that of columns, bit 2 exchanges them.
    | Dihedral of k: int
    /// A channel replaced by noise from 0 to below `thresh`.
    | RgbRandomize of channel: int * thresh: float * seed: int64
    /// Black squares of that length around places from 0 to 1.
    | Cutout of places: (float * float) list * length: int
    /// So many pixels on each side.
    | Pad of padding: int
    /// Cut out of a picture that is at least as large.
    | Crop of height: int * width: int * rowPct: float * colPct: float
    /// Cut out at the size that is wanted, and padded where the picture is smaller.
    | CropPad of rowPct: float * colPct: float

/// A part of a picture that may be too wide or too high for it.
and ZoomTry = {
    /// 1 or more.
    Scale: float
    /// Width over height, above 0.
    Squish: float
    IsInverted: bool
}

/// How a picture gets a size of rows and columns.
[<RequireQualifiedAccess>]
type ResizeMethod =
    /// Made as small as covers the size, then cut.
    | Crop
    /// Made as large as fits into the size, then padded.
    | Pad
    /// Stretched.
    | Squish
    /// Left as large as it is, then cut or padded.
    | No
