-- SPDX-License-Identifier: MIT
--- The numbers from `first` to `last`, or what `make` makes of each, as a list.
return function(first, last, make)
  local list = {}
  for n = first, last do list[#list + 1] = make and make(n) or n end
  return list
end
