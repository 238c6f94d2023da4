// Pictures in memory: what sheets, strips and planes are put together from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/source.h"

namespace offaxis {

// uint8 RGB, [height,width,3].
struct Pixels {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;

  bool empty() const { return rgb.empty(); }
};

// One image of a source; its first channel, in grey, unless it has three.
Pixels imageOf(const Source& source, std::uint64_t row);
// uint8 [H,W,C] of that shape.
Pixels pixelsOf(const std::uint8_t* image, const ImageShape& shape);

// The largest difference of any byte; 0 for none.
int largestDifference(const std::vector<Pixels>& before, const std::vector<Pixels>& after);
// The largest whole factor by which differences of `largest` levels stay within the picture's range, at least 1.
int amplificationFor(int largest);
// 128 where nothing changed, and `factor` times the change around it.
Pixels amplifiedDifference(const Pixels& before, const Pixels& after, int factor);

// Tiles of one size in rows of `columns`, `gap` pixels of light grey between them. Empty tiles leave their place.
Pixels tiled(const std::vector<Pixels>& tiles, int columns, int gap);

// A PNG's bytes; one channel where all three are equal. Throws Error(Failed).
std::string pngOf(const Pixels& pixels);

// Pictures with their names, for pages and for files. All strips of a group hold as many tiles.
struct PictureStrip {
  std::string name;    // "modified"
  std::string detail;  // "x5"
  std::string spoken;  // for readers who do not see it
  Pixels picture;
};
struct PictureGroup {
  std::string title;               // may be empty
  int tiles = 1;                   // across; 0: a plane of tiles, with strips side by side instead of below each other
  int down = 1;                    // of a plane
  std::vector<std::string> ticks;  // below the tiles of the last strip, one a tile; may be empty
  std::vector<PictureStrip> strips;
};
using Pictures = std::vector<PictureGroup>;

// All of it on one labelled sheet, as a PNG's bytes.
std::string labelledPng(const Pictures& pictures, const std::string& title);

}  // namespace offaxis
